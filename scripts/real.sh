#!/usr/bin/env bash
# The whole path on real tracks: a folder of <id>.npz, <id>.mp4 and captions.csv.
set -euo pipefail
trajloom=$1
real=$2
if [ ! -d "$real" ]; then
  echo "real: skipped, there is no folder $real (make real REAL=DIR)"
  exit 0
fi

if [ ! -d data/real ]; then
  "$trajloom" data import --tracks "$real" --videos "$real" --captions "$real/captions.csv" --out data/real
fi
"$trajloom" train vae --config configs/real/vae.json
"$trajloom" train visibility --config configs/real/visibility.json
"$trajloom" train flow --config configs/real/flow.json
"$trajloom" sample --flow runs/real-flow --data data/real --split validation --samples 3 \
  --out runs/real-futures
"$trajloom" render --predictions runs/real-futures --out runs/real-futures.png
"$trajloom" runs runs/real-vae runs/real-visibility runs/real-flow
"$trajloom" eval vae --vae runs/real-vae --data data/real --split validation
"$trajloom" eval --predictions runs/real-futures
echo "picture: runs/real-futures.png"
