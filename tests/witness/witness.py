"""Trains a world of `multiview data` from the definitions, in double precision, and compares: python witness.py DIR

Written from the theory (data, smoothed ReLU, cross-entropy, truncated tempered logits, the limit of large d) and not from the program.
In that limit a patch is known by its coefficients on the features and by its noise, which is orthogonal to everything else and has squared
norm nu^2. So one gradient step moves the overlaps A with the features and B with the noise, where a step in R^d moves the weights:

    s = x A + B,   F_i(X) = sum over patches and neurons of phi(s),   A += eta/N x^T (e phi'(s)),   B += eta/N nu^2 (e phi'(s)).

With weights for A, inputs for x and B = 0 that is the step in R^d.
"""

import json
import sys
from pathlib import Path

import numpy as np

DIR = Path(sys.argv[1])
WORLD = json.loads((DIR / "world.json").read_text())
REGIME, EPS = WORLD["regime"], np.finfo(np.float32).eps
LITERAL = (DIR / "inputs.npy").exists()
VARRHO, Q = REGIME["network"]["relu_threshold"], REGIME["network"]["relu_exponent"]
VIEWS, K = REGIME["data"]["views_per_class"], REGIME["data"]["classes"]


def load(name):
    array = np.load(DIR / f"{name}.npy")
    return array if array.dtype == np.int64 else array.astype(np.float64)


labels, starts = load("labels"), load("patch-starts")
N, PATCHES = len(labels), starts[-1]
sample_of = np.repeat(np.arange(N), np.diff(starts))
feature = load("patch-features")
if LITERAL:
    x, noise_norm = load("inputs"), 0.0
else:
    # z on the patch's own feature, and the feature noise alpha on every one.
    x = np.zeros((PATCHES, VIEWS * K))
    x[feature >= 0, feature[feature >= 0]] = load("patch-weights")[feature >= 0]
    x += load("patch-feature-noise")[:, None]
    noise_norm = REGIME["data"]["noise_variance"]


def phi(s):
    """z^q / (q varrho^(q-1)) up to varrho and linear beyond, with its slope (z/varrho)^(q-1) up to 1."""
    low = np.clip(s, 0, VARRHO)
    slope = (low / VARRHO) ** (Q - 1)
    return slope * low / Q + np.maximum(s - VARRHO, 0), slope


def softmax(logits):
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


def tempered(logits, tau):
    return softmax(np.minimum(tau**2 * logits, 1) / tau)


def errors(logits):
    """Samples whose label's logit is not the strict maximum."""
    rivals = logits.copy()
    rivals[np.arange(N), labels] = -np.inf
    return int((logits[np.arange(N), labels] <= rivals.max(axis=1)).sum())


def train(network):
    """Returns A, the logits, steps and training errors at the end."""
    name, m, taught = network["name"], network["neurons_per_class"], network.get("teaching")
    if LITERAL:
        A, B = load(f"{name}/start-weights").reshape(K * m, -1).T.copy(), 0.0
    else:
        A, B = load(f"{name}/start-features").reshape(-1, K * m), load(f"{name}/start-noise").reshape(-1, K * m)
    soft = load(f"{name}/soft-labels") if taught else None
    rate = WORLD["learning_rate"] / N

    def forward():
        value, slope = phi(x @ A + B)
        return np.add.reduceat(value.reshape(PATCHES, K, m).sum(axis=2), starts[:-1]), slope

    held = taken = 0
    while taken < network["most_steps"]:
        logits, slope = forward()
        e = np.eye(K)[labels] - softmax(logits)
        if taught and taken >= taught["warm_up_steps"]:
            tau = taught["temperature"]
            up = -np.minimum(tempered(logits, tau) - soft, 0)
            up[tau**2 * logits >= 1] = 0
            e += taught["push_rate"] / WORLD["learning_rate"] * up
        pull = rate * np.repeat(e[sample_of], m, axis=1) * slope
        A = A + x.T @ pull
        B = B + noise_norm * pull
        taken += 1
        held = held + 1 if errors(logits) == 0 else 0
        if held >= network["perfect_steps"] > 0:
            break
    logits, _ = forward()
    return A[: VIEWS * K].reshape(-1, K, m), logits, taken, errors(logits)


def gap(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


# The program computes in single precision. While an overlap grows from sigma_0 to varrho its growth is its square (q = 3), so that what
# rounding adds to it early, a few eps of it, has grown by up to varrho/sigma_0 as a share of it in the end.
TOLERANCE = 4 * EPS * VARRHO / WORLD["init_scale"]
agree, ended = True, {}
for network in WORLD["networks"]:
    name, taught = network["name"], network.get("teaching")
    features, logits, steps, wrong = train(network)
    ended[name] = logits
    gaps = {"features": gap(features, load(f"{name}/end-features")), "logits": gap(logits, load(f"{name}/end-logits"))}
    if taught:
        # The paper's push, with the gate; other forms are not written here.
        assert taught["form"] == "one-sided-gated" and taught["soft_labels"] in ("all", "label-only"), taught
        mean = taught["teacher_scale"] * np.mean([ended[teacher] for teacher in taught["teachers"]], axis=0)
        soft = tempered(mean, taught["temperature"])
        if taught["soft_labels"] == "label-only":
            soft *= np.eye(K)[labels]
        gaps["soft labels"] = gap(soft, load(f"{name}/soft-labels"))
    same = (steps, wrong) == (network["steps"], network["training_errors"])
    agree &= same and max(gaps.values()) < TOLERANCE
    words = ", ".join(f"{what} {size:.1e}" for what, size in gaps.items())
    print(f"{name}: {steps} steps, {wrong} errors{'' if same else ', the program ' + str((network['steps'], network['training_errors']))}; off by {words}")
print(f"tolerance {TOLERANCE:.1e}: {'agree' if agree else 'DISAGREE'}")
sys.exit(0 if agree else 1)
