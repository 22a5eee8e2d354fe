"""One gradient step in JAX or PyTorch, on a world exported by `ours.rs`.

    step.py check|time overlap|dense jax|torch|torch-compile DIR THREADS

`check` follows the exported trajectory and fails if it differs; `time` answers each line on its standard input with
the milliseconds of a step.
"""

import json
import os
import sys
import time
from pathlib import Path

mode, engine, framework, directory, threads = sys.argv[1:]
directory, threads = Path(directory), int(threads)
if framework == "jax":
    # XLA sizes its pool by the processors a process may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np

header = json.loads((directory / "header.json").read_text())
k, m, samples, rho, rate = (header[x] for x in ("k", "m", "samples", "threshold", "rate"))


def load(name, *shape):
    values = np.fromfile(directory / name, dtype="<i4" if name.endswith("i32") else "<f4")
    return values.reshape(shape) if shape else values


label, sample = load("label.i32"), load("patch_sample.i32")
onehot = np.eye(k, dtype=np.float32)[label]
if engine == "overlap":
    features, noise_rate = header["features"], header["noise_rate"]
    feature, weight = load("patch_feature.i32"), load("patch_weight.f32")
    start = [load("features.f32", features, k, m), load("noise.f32", -1, k, m)]
    after = load("features_after.f32", features, k, m)
else:
    inputs = load("inputs.f32", -1, header["dimension"])  # X^T: a patch in each row
    start = [load("weights.f32", k * m, -1)]
    after = load("weights_after.f32", k * m, -1)


def jax_run():
    import jax
    import jax.numpy as jnp

    n, one = jnp.asarray(sample), jnp.asarray(onehot)

    def moved(s):
        """e phi'(s) of pre-activations [patches][k][m]."""
        s = jnp.maximum(s, 0)
        t = jnp.minimum(s, rho) / rho
        slope = t * t
        value = (slope * t * (rho / 3) + jnp.maximum(s - rho, 0)).sum(2)
        logits = jax.ops.segment_sum(value, n, samples, indices_are_sorted=True)
        return (one - jax.nn.softmax(logits))[n][:, :, None] * slope

    if engine == "overlap":
        z, v = jnp.asarray(weight)[:, None, None], jnp.asarray(feature)
        data = (z, v)

        def step(state, data):
            (a, b), (z, v) = state, data
            e = moved(z * a[v] + b)
            return a + rate * jax.ops.segment_sum(z * e, v, features), b + noise_rate * e

    else:
        data = jnp.asarray(inputs)

        def step(state, x):
            (w,) = state
            e = moved((x @ w.T).reshape(-1, k, m)).reshape(-1, k * m)
            return (w + rate * (e.T @ x),)

    # The data are arguments: as constants the compiler would spend minutes on folding them.
    def loop(state, data, count):
        return jax.lax.fori_loop(0, count, lambda _, state: step(state, data), state)

    steps = jax.jit(loop, donate_argnums=0)

    def run(count):
        state = jax.block_until_ready(tuple(jnp.array(x) for x in start))
        clock = time.perf_counter()
        state = jax.block_until_ready(steps(state, data, count))
        return np.asarray(state[0]), time.perf_counter() - clock

    return run


def torch_run(compiled):
    import torch

    torch.set_num_threads(threads)
    one, n = torch.from_numpy(onehot), torch.from_numpy(sample).long()

    def moved(s):
        """e phi'(s) of pre-activations [patches][k][m]."""
        s = s.clamp(min=0) if compiled else s.clamp_(min=0)
        t = s.clamp(max=rho) / rho
        slope = t * t
        value = (slope * t * (rho / 3) + (s - rho).clamp(min=0)).sum(2)
        logits = torch.zeros(samples, k).index_add_(0, n, value)
        return (one - logits.softmax(1))[n][:, :, None] * slope

    if engine == "overlap":
        z, v = torch.from_numpy(weight)[:, None, None], torch.from_numpy(feature).long()

        def step(a, b):
            e = moved(z * a[v] + b)
            a.index_add_(0, v, z * e, alpha=rate)
            b.add_(e, alpha=noise_rate)

    else:
        x = torch.from_numpy(inputs)

        def step(w):
            e = moved((x @ w.T).view(-1, k, m)).view(-1, k * m)
            w.addmm_(e.T, x, alpha=rate)

    body = torch.compile(step) if compiled else step

    def run(count):
        state = [torch.from_numpy(x.copy()) for x in start]
        clock = time.perf_counter()
        with torch.no_grad():
            for _ in range(count):
                body(*state)
        return state[0].numpy(), time.perf_counter() - clock

    return run


run = jax_run() if framework == "jax" else torch_run(framework == "torch-compile")
if mode == "check":
    got, _ = run(header["steps"])
    moved = np.abs(after - start[0]).max()
    error = np.abs(got - after).max() / moved
    what = f"after {header['steps']} steps its parameters differ by {error:.1e} of the largest change {moved:.2f}"
    print(f"{engine}, {framework}: {what}")
    sys.exit(not error < 1e-4)
run(2)
for _ in sys.stdin:
    print(run(8)[1] / 8 * 1e3, flush=True)
