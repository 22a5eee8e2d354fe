//! The reports' page in a real browser: every figure is drawn, the slider moves, nothing fails, and
//! a phone need not scroll sideways.
//!
//! Needs Chromium; without it the test says so and passes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes what it finds into the title, which the dumped page then carries.
const INSPECTION: &str = r#"
<script>
const failures = [];
addEventListener("error", (e) => failures.push(e.message));
for (const name of ["error", "warn"]) console[name] = (...words) => failures.push(words.join(" "));
addEventListener("load", () => {
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) failures.push(`scrolls sideways: ${page.scrollWidth} of ${page.clientWidth}`);
  const figures = [...document.querySelectorAll(".figure svg")];
  for (const figure of figures) {
    const box = figure.getBoundingClientRect();
    const drawn = figure.querySelectorAll("rect, circle, polyline, line, path, polygon").length;
    if (box.width < 100 || box.height < 20 || drawn < 3 || !figure.getAttribute("aria-label"))
      failures.push(`${figure.getAttribute("aria-label")}: ${box.width} x ${box.height}, ${drawn} shapes`);
    // On a phone a figure scrolls within the page, for its words to stay legible.
    if (innerWidth < 600 && box.width < figure.viewBox.baseVal.width)
      failures.push(`${figure.getAttribute("aria-label")}: shrunk to ${box.width}`);
  }
  const [slider, says] = ["input", "output"].map((name) => document.querySelector(`#player ${name}`));
  const end = says.textContent;
  slider.value = 0;
  slider.dispatchEvent(new Event("input"));
  if (slider.disabled || !says.textContent.startsWith("step 0:") || says.textContent === end)
    failures.push(`the slider shows "${says.textContent}"`);
  document.title = `inspected ${figures.length}: ${failures.join("; ")}`;
});
</script>
"#;

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|directory| names.map(|name| directory.join(name)))
        .find(|file| file.is_file())
}

#[test]
fn the_page_renders_on_a_phone_and_on_a_desk() {
    let Some(chromium) = chromium() else {
        super::skipped("no Chromium on this machine (Debian: apt-get install chromium)");
        return;
    };
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/index.html");
    let page = std::fs::read_to_string(committed).expect("the committed page");
    // Its one script moves the race; without it the page shows the end of training.
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains("src=\"http"), "the page loads nothing");
    let figures = page.matches("class=\"figure\"").count();
    assert!(figures > 10, "{figures} figures");
    let folder = tempfile::tempdir().expect("a folder");
    let inspected = folder.path().join("inspected.html");
    let with_script = page.replacen("</head>", &format!("{INSPECTION}</head>"), 1);
    std::fs::write(&inspected, with_script).expect("written");
    for width in [380, 1280] {
        let output = Command::new(&chromium)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
            .arg(format!("--window-size={width},900"))
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .arg(format!("file://{}", inspected.display()))
            .output()
            .expect("Chromium runs");
        let dom = String::from_utf8_lossy(&output.stdout);
        let title = dom
            .split_once("<title>inspected ")
            .and_then(|(_, rest)| rest.split_once("</title>"))
            .map(|(title, _)| title.to_owned());
        assert_eq!(title, Some(format!("{figures}: ")), "at {width} pixels");
    }
}
