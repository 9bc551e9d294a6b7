#!/usr/bin/env bash
# What the VAE's loss terms and its encoding do: one small model per variant and seed, on the same synthetic clips and
# for the same number of steps, then one table and one picture. A run that was stopped goes on; finished ones are kept.
#
#   ABLATION_STEPS   optimiser steps of each run (default 300)
#   ABLATION_SEEDS   seeds of each variant (default "1 2 3")
#   ABLATION_DIR     where all of it goes (default runs/ablation-vae); runs of other lengths need another folder
set -euo pipefail
trajloom=$1
steps=${ABLATION_STEPS:-300}
read -ra seeds <<<"${ABLATION_SEEDS:-1 2 3}"
work=${ABLATION_DIR:-runs/ablation-vae}
mkdir -p "$work"
start=$SECONDS

if ! compgen -G "$work/shards/*.h5" >/dev/null; then
  "$trajloom" data synth --out "$work/shards" --clips 120 --height 192 --width 320 --seed 11 --no-video
fi
echo "How much of the coordinates' variance the grid explains (offsets are what is left to learn)"
"$trajloom" data inspect "$work/shards" | grep 'eta^2'

# Learning rates do not carry over between encodings in general; here one suits both. VEPE on held-out clips after 300
# steps with all terms, seeds 1 and 2:
#   cell   0.002 -> 0.63 and 0.76 px   0.004 -> 0.61 px (seed 2)
#   pixel  0.002 -> 1.01 px (seed 1)   0.004 -> 0.79 and 0.90 px
cell=(--set vae.encoding=cell --set train.learning_rate=0.004)
pixel=(--set vae.encoding=pixel --set train.learning_rate=0.004)

runs=()
train() { # NAME OVERRIDE...: every seed of a variant
  local variant=$1 seed
  shift
  for seed in "${seeds[@]}"; do
    # No limit of time: what comes out must not depend on the machine's speed.
    "$trajloom" train vae --config configs/quick/vae.json --name "$variant-seed$seed" \
      --set run.dir="$work" --set data.path="$work/shards" --set train.seed="$seed" \
      --set train.max_steps="$steps" --set train.max_minutes=0 --set train.val_every="$steps" "$@"
    runs+=(--vae "$work/$variant-seed$seed")
  done
}

train rec "${cell[@]}" --set train.vel_lambda=0 --set train.neighbor_lambda=0
train rec+vel "${cell[@]}" --set train.neighbor_lambda=0
train rec+nbr "${cell[@]}" --set train.vel_lambda=0
train rec+vel+nbr "${cell[@]}"
# A hop of the neighbour term is a cell in the variants above. On the pixel field it can be a pixel as well.
train pixel-rec "${pixel[@]}" --set train.vel_lambda=0 --set train.neighbor_lambda=0
train pixel-cellhop "${pixel[@]}" --set train.neighbor_hop_unit=cell
train pixel-pixelhop "${pixel[@]}" --set train.neighbor_hop_unit=pixel
# Without the grid's anchors: the network sees and predicts coordinates instead of offsets.
train absolute "${cell[@]}" --set vae.use_offsets=false

"$trajloom" eval vae "${runs[@]}" --data "$work/shards" --split validation \
  --json "$work/table.json" --png "$work/track.png" | tee "$work/table.txt"
echo
echo "picture: $work/track.png   table: $work/table.txt, $work/table.json   ($((SECONDS - start)) s)"
