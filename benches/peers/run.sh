#!/bin/sh
# Times one gradient step of either engine here, in JAX, in PyTorch and (dense) in candle, on the same data and with
# the same number of threads, taking turns; each is first checked to follow the same trajectory.
#   benches/peers/run.sh [K] [M] [ROUNDS]      WORK=DIR for the environment and the data
# K and M are the overlap engine's; the dense engine runs at k = 10, m = 8, d = 1,000. The table goes to standard
# output, all else to standard error.
set -eu
cd "$(dirname "$0")/../.."
k=${1:-50} m=${2:-8} rounds=${3:-15}
work=${WORK:-target/peers}
# A BLAS that was told which kernel to use would not be at its best.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
mkdir -p "$work"
python="$work/venv/bin/python"
if ! "$python" -c 'import jax, torch' 2> /dev/null; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet torch jax numpy >&2
fi
cargo build --release --bench peers >&2
cargo build --release --manifest-path benches/peers/candle/Cargo.toml --target-dir "$work/candle" >&2
ours=$(ls -t target/release/deps/peers-* | grep -v '\.d$' | head -1)
"$ours" export overlap "$work/check-overlap" 10 8 60 0.1
"$ours" export dense "$work/check-dense" 10 8 60 0.1
"$ours" export overlap "$work/overlap" "$k" "$m" 1 6e-4
"$ours" export dense "$work/dense" 10 8 1 6e-4
for engine in overlap dense; do
    for framework in jax torch torch-compile; do
        "$python" benches/peers/step.py check $engine $framework "$work/check-$engine" 1 >&2
    done
done
"$work/candle/release/candle-peer" check "$work/check-dense" >&2
"$python" benches/peers/table.py "$work" "$ours" "$k" "$m" "$rounds"
