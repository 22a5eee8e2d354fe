#!/bin/sh
# Writes benches/speed/: the same step in other tools, what bounds a step, how time and memory grow. About ten minutes
# (more the first time, which builds and installs); nothing else should run meanwhile.
#   benches/speed.sh [ROUNDS]      WORK=DIR for the peers' environment and data
set -eu
cd "$(dirname "$0")/.."
out=benches/speed
mkdir -p "$out"
cargo build --release --benches
benches/peers/run.sh 50 8 "${1:-15}" > "$out/peers.md"
cargo bench --bench roofline > "$out/roofline.md"
cargo bench --bench scaling -- --out "$out"
