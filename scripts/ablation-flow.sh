#!/usr/bin/env bash
# What the generator's boundary hints and its on-policy stage do: one small model per variant and seed, on the same
# latents and for the same number of steps, then one table. A run that was stopped goes on; finished ones are kept.
#
#   ABLATION_STEPS   optimiser steps of each run (default 240); the last quarter is the second stage, where there is one
#   ABLATION_SEEDS   seeds of each variant (default "1 2 3")
#   ABLATION_DIR     where all of it goes (default runs/ablation-flow); runs of other lengths need another folder
set -euo pipefail
trajloom=$1
steps=${ABLATION_STEPS:-240}
read -ra seeds <<<"${ABLATION_SEEDS:-1 2 3}"
work=${ABLATION_DIR:-runs/ablation-flow}
first=$((steps * 3 / 4))
mkdir -p "$work"
start=$SECONDS

# Video and text are left out: what is compared here is how the history reaches the future.
if ! compgen -G "$work/shards/*.h5" >/dev/null; then
  "$trajloom" data synth --out "$work/shards" --clips 240 --height 192 --width 320 --seed 31 --no-video
fi
if ! compgen -G "$work/parting/*.h5" >/dev/null; then
  "$trajloom" data synth --out "$work/parting" --clips 12 --futures 2 --height 192 --width 320 --seed 32 --no-video
fi
paths=(--set run.dir="$work" --set data.path="$work/shards")
# No limit of time: what comes out must not depend on the machine's speed.
"$trajloom" train vae --config configs/quick/vae.json "${paths[@]}" --set train.max_minutes=0
paths+=(--set data.vae="$work/quick-vae" --set data.latents="$work/latents" --set train.max_minutes=0)
"$trajloom" encode --vae "$work/quick-vae" --data "$work/shards" --out "$work/latents" --val-fraction 0.1 --continuation 1
"$trajloom" train visibility --config configs/quick/visibility.json "${paths[@]}"

predictions=()
train() { # NAME SEED STEPS OVERRIDE...
  local name=$1-seed$2 seed=$2 count=$3
  shift 3
  "$trajloom" train flow --config configs/quick/flow.json --name "$name" "${paths[@]}" \
    --set flow.use_video_cond=false --set flow.use_text_cond=false --set sample.visibility="$work/quick-visibility" \
    --set train.seed="$seed" --set train.max_steps="$count" --set train.val_every="$count" "$@"
}
predict() { # NAME SEED [STEPS]: samples of a run, in a folder of its own for each number of ODE steps
  local run=$1-seed$2 count=${3:-25}
  local out=$work/futures/$1-${count}steps-seed$2
  "$trajloom" sample --flow "$work/$run" --data "$work/parting" --samples 2 --steps "$count" --out "$out" --skip-existing
  predictions+=(--predictions "$out")
}

# The published generator; what is not published is switched on by the last two variants alone.
published=(--set flow.prediction=velocity --set flow.use_continuation_cond=false --set flow.pos_embed_init=normal
  --set train.x0_noise_std=0.1 --set train.fm_sigma=0.05 --set train.t_small_prob=0.2 --set train.t_small_max=0.1
  --set sample.correct_continuation=false --set sample.smooth_frames=0 --set sample.shrink_px=0)
hints=("${published[@]}" --set train.x0_mode=anchor_first)
bare=("${published[@]}" --set train.x0_mode=noise)
unfused=(--set flow.track_fusion=none)
for seed in "${seeds[@]}"; do
  train both-hints "$seed" "$steps" "${hints[@]}"
  train no-anchor "$seed" "$steps" "${bare[@]}"
  train no-fusion "$seed" "$steps" "${hints[@]}" "${unfused[@]}"
  train no-hints "$seed" "$steps" "${bare[@]}" "${unfused[@]}"
  train anchor-all "$seed" "$steps" "${published[@]}" --set train.x0_mode=anchor_all
  train continuation "$seed" "$steps" "${published[@]}" --set train.x0_mode=continuation
  train continuation-endpoint "$seed" "$steps" "${published[@]}" --set train.x0_mode=continuation \
    --set flow.prediction=endpoint --set flow.use_continuation_cond=true --set train.fm_sigma=0
  # Two stages: the second goes on from the first, on its own rollouts or not, for as many steps.
  train stage-one "$seed" "$first" "${hints[@]}"
  second=("${hints[@]}" --set train.init_from="$work/stage-one-seed$seed" --set train.learning_rate=0.0005)
  train two-stages "$seed" "$((steps - first))" "${second[@]}"
  for k in 2 4 8; do
    train on-policy-K$k "$seed" "$((steps - first))" "${second[@]}" --set train.objective=on_policy \
      --set train.op_steps=$k
  done
done
for variant in both-hints no-anchor no-fusion no-hints anchor-all continuation continuation-endpoint; do
  for seed in "${seeds[@]}"; do predict "$variant" "$seed"; done
done
for variant in two-stages on-policy-K2 on-policy-K4 on-policy-K8; do
  for count in 10 25 100; do
    for seed in "${seeds[@]}"; do predict "$variant" "$seed" "$count"; done
  done
done
"$trajloom" eval "${predictions[@]}" --json "$work/table.json" | tee "$work/table.txt"
echo
echo "table: $work/table.txt, $work/table.json   ($((SECONDS - start)) s)"
