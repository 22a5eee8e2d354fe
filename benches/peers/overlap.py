"""One gradient step of the overlap dynamics in JAX or PyTorch, on data exported by `ours.rs`.

    overlap.py check|time jax|torch|torch-compile DIR THREADS

`check` follows the exported trajectory and fails if it differs; `time` prints milliseconds of a step.
"""

import json
import os
import sys
import time
from pathlib import Path

mode, framework, directory, threads = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
if framework == "jax":
    # XLA sizes its pool by the processors a process may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np

header = json.loads((directory / "header.json").read_text())
k, m, features, samples = (header[x] for x in ("k", "m", "features", "samples"))
rho, rate, noise_rate = header["threshold"], header["rate"], header["noise_rate"]


def load(name):
    return np.fromfile(directory / name, dtype="<i4" if name.endswith("i32") else "<f4")


label, sample, feature = load("label.i32"), load("patch_sample.i32"), load("patch_feature.i32")
weight = load("patch_weight.f32")
a0 = load("features.f32").reshape(features, k, m)
b0 = load("noise.f32").reshape(-1, k, m)
after = load("features_after.f32").reshape(features, k, m)


def jax_run():
    import jax
    import jax.numpy as jnp

    onehot = jnp.asarray(np.eye(k, dtype=np.float32)[label])
    z = jnp.asarray(weight)[:, None, None]
    n, v = jnp.asarray(sample), jnp.asarray(feature)

    def step(_, state):
        a, b = state
        s = jnp.maximum(z * a[v] + b, 0)
        t = jnp.minimum(s, rho) / rho
        slope = t * t
        value = (slope * t * (rho / 3) + jnp.maximum(s - rho, 0)).sum(2)
        logits = jax.ops.segment_sum(value, n, samples, indices_are_sorted=True)
        moved = (onehot - jax.nn.softmax(logits))[n][:, :, None] * slope
        return a + rate * jax.ops.segment_sum(z * moved, v, features), b + noise_rate * moved

    steps = jax.jit(lambda a, b, count: jax.lax.fori_loop(0, count, step, (a, b)), donate_argnums=(0, 1))

    def run(count):
        a, b = jnp.array(a0), jnp.array(b0)
        jax.block_until_ready((a, b))
        start = time.perf_counter()
        a, b = jax.block_until_ready(steps(a, b, count))
        return np.asarray(a), time.perf_counter() - start

    return run


def torch_run(compiled):
    import torch

    torch.set_num_threads(threads)
    onehot = torch.from_numpy(np.eye(k, dtype=np.float32)[label])
    z = torch.from_numpy(weight)[:, None, None]
    n, v = torch.from_numpy(sample).long(), torch.from_numpy(feature).long()

    def step(a, b):
        s = (z * a[v] + b).clamp_(min=0) if not compiled else (z * a[v] + b).clamp(min=0)
        t = s.clamp(max=rho) / rho
        slope = t * t
        value = (slope * t * (rho / 3) + (s - rho).clamp(min=0)).sum(2)
        logits = torch.zeros(samples, k).index_add_(0, n, value)
        moved = (onehot - logits.softmax(1))[n][:, :, None] * slope
        a.index_add_(0, v, z * moved, alpha=rate)
        b.add_(moved, alpha=noise_rate)

    body = torch.compile(step) if compiled else step

    def run(count):
        a, b = torch.from_numpy(a0.copy()), torch.from_numpy(b0.copy())
        start = time.perf_counter()
        with torch.no_grad():
            for _ in range(count):
                body(a, b)
        return a.numpy(), time.perf_counter() - start

    return run


run = jax_run() if framework == "jax" else torch_run(framework == "torch-compile")
if mode == "check":
    got, _ = run(header["steps"])
    moved = np.abs(after - a0).max()
    error = np.abs(got - after).max() / moved
    print(f"{framework}: after {header['steps']} steps features differ by {error:.1e} of the largest change {moved:.2f}")
    sys.exit(not error < 1e-4)
run(2)
once = min(run(1)[1] for _ in range(2))
count = 8
print((run(count + 1)[1] - once) / count * 1e3)
