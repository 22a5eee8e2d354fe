
(() => {
  const player = document.getElementById("player");
  const frames = JSON.parse(player.querySelector("script[type='application/json']").textContent);
  const dots = player.querySelectorAll(".dot");
  const cells = player.querySelectorAll(".cell");
  const soft = player.querySelectorAll(".soft");
  const slider = player.querySelector("input");
  const says = player.querySelector("output");
  const show = () => {
    const frame = frames[slider.value];
    dots.forEach((dot, i) => dot.setAttribute("cy", frame.y[i]));
    cells.forEach((cell, i) => cell.setAttribute("fill-opacity", frame.known[i]));
    soft.forEach((cell, i) => cell.setAttribute("fill-opacity", frame.soft[i]));
    says.textContent = frame.says;
  };
  slider.addEventListener("input", show);
  slider.disabled = false;
})();
