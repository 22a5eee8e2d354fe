"""Runs every contender in turn, many rounds, and prints medians, spreads and ratios as Markdown.

    table.py WORK OURS K M ROUNDS
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

work, ours, k, m, rounds = sys.argv[1:6]
step, candle = Path(__file__).with_name("step.py"), f"{work}/candle/release/candle-peer"
frameworks = {"JAX": "jax", "PyTorch": "torch", "PyTorch, torch.compile": "torch-compile"}


class Contender:
    """A process that answers each line with the milliseconds of a step."""

    def __init__(self, name, threads, command):
        self.name, self.times = name, []
        environment = os.environ | {"RAYON_NUM_THREADS": threads}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def measure(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def contenders(engine, threads):
    directory = f"{work}/{engine}"
    own = {"ours": "dense"} if engine == "dense" else {"ours": "two-rate", "ours, plain loop": "reference"}
    size = ("10", "8") if engine == "dense" else (k, m)
    everyone = [Contender(name, threads, [ours, "time", kind, *size, threads]) for name, kind in own.items()]
    for name, framework in frameworks.items():
        command = [sys.executable, step, "time", engine, framework, directory, threads]
        everyone.append(Contender(name, threads, command))
    if engine == "dense":
        everyone.append(Contender("candle", threads, [candle, "time", directory]))
    return everyone


def compare(engine):
    header = json.loads(Path(work, engine, "header.json").read_text())
    names = {"k": "k", "m": "m", "samples": "N", "patches": "patches", "dimension": "d"}
    sizes = ", ".join(f"{name} = {header[key]:,}" for key, name in names.items() if header[key])
    print(f"\n## {engine.capitalize()} engine: {sizes}\n", flush=True)
    print("| threads | contender | median ms | lowest | highest | over ours: median | lowest | highest |")
    print("|---|---|---|---|---|---|---|---|")
    for threads in "1", "2":
        everyone = contenders(engine, threads)
        for contender in everyone:
            contender.measure()  # warm
        for _ in range(int(rounds)):
            for contender in everyone:
                contender.times.append(contender.measure())
        base = everyone[0].times
        for contender in everyone:
            contender.close()
            times = contender.times
            ratios = [t / b for t, b in zip(times, base)]
            cells = [f"{f(times):.3f}" for f in (statistics.median, min, max)]
            cells += [f"{f(ratios):.2f}" for f in (statistics.median, min, max)]
            print(f"| {threads} | {contender.name} | {' | '.join(cells)} |", flush=True)


def processor():
    """Its name and its widest vectors, where the system tells."""
    if not Path("/proc/cpuinfo").exists():
        return platform.processor() or platform.machine()
    text = Path("/proc/cpuinfo").read_text()
    pairs = (line.partition(":") for line in text.splitlines())
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    flags = facts.get("flags", "").split()
    vectors = next((f" with {name}" for flag, name in [("avx512f", "AVX-512"), ("avx2", "AVX2")] if flag in flags), "")
    return facts.get("model name", platform.machine()) + vectors


def manifest(path):
    return tomllib.loads(Path(path).read_text())


print("# One gradient step of one model, here and elsewhere\n")
tools = {"JAX": version("jax"), "PyTorch": version("torch")}
tools["candle"] = manifest("benches/peers/candle/Cargo.toml")["dependencies"]["candle-core"]
tools["multiview"] = manifest("Cargo.toml")["package"]["version"]
print(f"{processor()}; {', '.join(f'{name} {number}' for name, number in tools.items())}.\n")
print(f"`f32`, {rounds} rounds in turn, the same data; each contender was first checked to follow the same trajectory.")
print("With two threads ours trains two models at once (time over models); the others share one model's step")
print("between the threads. A ratio is taken within its round.")
for engine in sys.argv[6:] or ("overlap", "dense"):
    compare(engine)
