#!/bin/sh
# Times one gradient step of the overlap dynamics here, in JAX and in PyTorch, on the same data and with the
# same number of threads, taking turns; each is first checked to follow the same trajectory.
#   benches/peers/run.sh [K] [M] [ROUNDS]      WORK=DIR for the environment and the data
set -eu
cd "$(dirname "$0")/../.."
k=${1:-50} m=${2:-8} rounds=${3:-7}
work=${WORK:-target/peers}
mkdir -p "$work"
if [ ! -x "$work/venv/bin/python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet torch jax numpy
fi
python="$work/venv/bin/python"
cargo build --release --bench peers
ours=$(ls -t target/release/deps/peers-* | grep -v '\.d$' | head -1)
"$ours" export "$work/small" 10 8 60 0.1
"$ours" export "$work/large" "$k" "$m" 1 6e-4
for framework in jax torch torch-compile; do
    "$python" benches/peers/overlap.py check $framework "$work/small" 1
done
"$python" benches/peers/table.py "$ours" "$work/large" "$k" "$m" "$rounds"
