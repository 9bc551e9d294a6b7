#!/usr/bin/env bash
# The whole path on a small synthetic data set: data, VAE, flow, visibility head, futures, table, picture.
set -euo pipefail
trajloom=$1
work=runs/demo
# A demo shows a fresh run each time; it touches nothing but its own folder.
rm -rf "$work"
mkdir -p "$work"
start=$SECONDS

paths=(--set run.dir="$work" --set data.path="$work/shards")
latents=("${paths[@]}" --set data.vae="$work/quick-vae" --set data.latents="$work/latents")

echo "1/5 data: synthetic clips of 162 frames"
"$trajloom" data synth --out "$work/shards" --clips 160 --height 192 --width 320 --seed 7
echo "2/5 trajectory VAE"
"$trajloom" train vae --config configs/quick/vae.json "${paths[@]}"
echo "3/5 generator"
"$trajloom" train flow --config configs/quick/flow.json "${latents[@]}" \
  --set sample.visibility="$work/quick-visibility"
echo "4/5 visibility head"
"$trajloom" train visibility --config configs/quick/visibility.json "${latents[@]}"
echo "5/5 futures of held-out clips"
"$trajloom" sample --flow "$work/quick-flow" --data "$work/shards" --split validation \
  --samples 3 --out "$work/futures"
"$trajloom" render --predictions "$work/futures" --out "$work/futures.png"

{
  echo "Training (loss at the first step -> mean over the last logged steps)"
  "$trajloom" runs "$work/quick-vae" "$work/quick-visibility" "$work/quick-flow"
  echo
  echo "Reconstruction of held-out clips"
  "$trajloom" eval vae --vae "$work/quick-vae" --data "$work/shards" --split validation
  echo
  echo "Futures of held-out clips, beside the baselines"
  "$trajloom" eval --predictions "$work/futures" --json "$work/futures.json"
} | tee "$work/report.txt"

echo
echo "picture: $work/futures.png   table: $work/report.txt   ($((SECONDS - start)) s)"
echo "how the models trained: $work/quick-{vae,flow,visibility}/report.html"
