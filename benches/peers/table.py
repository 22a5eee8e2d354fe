"""Runs every contender in turn, several rounds, and prints medians, spreads and ratios.

    table.py OURS DIR K M ROUNDS
"""

import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ours, directory, k, m, rounds = sys.argv[1:]
overlap = Path(__file__).with_name("overlap.py")
times = defaultdict(list)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


for _ in range(int(rounds)):
    for threads in "1", "2":
        for line in output(ours, "time", k, m, threads).splitlines():
            engine, value = line.split()
            times[threads, f"ours, {engine}"].append(float(value))
        for framework in "jax", "torch", "torch-compile":
            text = output(sys.executable, overlap, "time", framework, directory, threads)
            times[threads, framework].append(float(text.split()[-1]))

print(f"\nOne gradient step of one model, k = {k}, m = {m}, f32, {rounds} rounds in turn. With 2 threads ours trains two")
print("models at once (time over models); the others share one model's step between the threads.\n")
print("threads  contender         median ms   lowest  highest   over ours, TwoRate (median of rounds)")
for (threads, name), values in sorted(times.items()):
    base = times[threads, "ours, TwoRate"]
    ratio = statistics.median(v / b for v, b in zip(values, base))
    print(f"{threads:>7}  {name:16} {statistics.median(values):10.3f} {min(values):8.3f} {max(values):8.3f} {ratio:8.1f}")
