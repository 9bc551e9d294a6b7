#!/usr/bin/env bash
# The whole path on real tracks: a folder of <id>.npz, <id>.mp4 and captions.csv. Runs are continued when they exist.
set -euo pipefail
trajloom=$1
real=$2
work=runs/real
if [ ! -d "$real" ]; then
  echo "real: skipped, there is no folder $real (make real REAL=DIR)"
  exit 0
fi

paths=(--set run.dir="$work" --set data.path="$work/shards")
latents=("${paths[@]}" --set data.vae="$work/real-vae" --set data.latents="$work/latents")

rm -rf "$work/shards"
"$trajloom" data import --tracks "$real" --videos "$real" --captions "$real/captions.csv" \
  --out "$work/shards"
"$trajloom" train vae --config configs/real/vae.json "${paths[@]}"
"$trajloom" train visibility --config configs/real/visibility.json "${latents[@]}"
"$trajloom" train flow --config configs/real/flow.json "${latents[@]}" \
  --set sample.visibility="$work/real-visibility"
"$trajloom" sample --flow "$work/real-flow" --data "$work/shards" --split validation --samples 3 \
  --out "$work/futures"
"$trajloom" render --predictions "$work/futures" --out "$work/futures.png"
"$trajloom" runs "$work/real-vae" "$work/real-visibility" "$work/real-flow"
"$trajloom" eval vae --vae "$work/real-vae" --data "$work/shards" --split validation
"$trajloom" eval --predictions "$work/futures" --json "$work/futures.json"
echo "picture: $work/futures.png"
