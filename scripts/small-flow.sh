#!/usr/bin/env bash
# The small generator at full resolution, on the latents of the small VAE: trained on synthetic clips, and measured on
# clips of another seed that have several true futures, and on real ones when their folder is there. Runs that exist are
# continued, and what is there is not made again.
set -euo pipefail
trajloom=$1
real=${2:-}
work=runs/small
mkdir -p "$work"

synth() { # FOLDER CLIPS SEED FUTURES
  if ! compgen -G "$work/$1/*.h5" >/dev/null; then
    echo "synthetic clips: $work/$1"
    "$trajloom" data synth --out "$work/$1" --clips "$2" --seed "$3" --futures "$4" --no-video
  fi
}

[ -e "$work/small-vae/latest" ] || scripts/small-vae.sh "$trajloom"
synth flow-shards 1200 21 1
paths=(--set run.dir="$work" --set data.path="$work/flow-shards" --set data.vae="$work/small-vae"
  --set data.latents="$work/flow-latents" --set data.val_fraction=0.02)
"$trajloom" encode --vae "$work/small-vae" --data "$work/flow-shards" --out "$work/flow-latents" \
  --val-fraction 0.02 --continuation 1
"$trajloom" train visibility --config configs/small/visibility.json "${paths[@]}"
"$trajloom" train flow --config configs/small/flow.json "${paths[@]}" \
  --set sample.visibility="$work/small-visibility"
"$trajloom" runs "$work/small-visibility" "$work/small-flow"

measure() { # FOLDER OF SHARDS
  "$trajloom" sample --flow "$work/small-flow" --data "$work/$1" --samples 5 --out "$work/$1-futures" \
    --skip-existing
  "$trajloom" render --predictions "$work/$1-futures" --out "$work/$1-futures.png"
  "$trajloom" eval --predictions "$work/$1-futures" --json "$work/$1-futures.json"
}

# 32 histories with three true futures each, of a seed that nothing was trained or chosen on.
synth parting 96 23 3
echo "96 synthetic clips of another seed: 32 histories, three true futures of each"
measure parting
if [ -n "$real" ] && [ -d "$real" ]; then
  rm -rf "$work/real"
  "$trajloom" data import --tracks "$real" --no-video --out "$work/real"
  echo "real clips, none of which was trained on"
  measure real
else
  echo "real clips: skipped, there is no folder $real (make small-flow REAL=DIR)"
fi
