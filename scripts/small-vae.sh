#!/usr/bin/env bash
# The small VAE at full resolution, from synthetic clips alone: trained, and measured on clips of another seed and on
# real ones when their folder is there. A run that exists is continued.
set -euo pipefail
trajloom=$1
real=${2:-}
work=runs/small
mkdir -p "$work"

for part in "shards 600 11" "unseen 64 12"; do
  read -r name clips seed <<< "$part"
  if ! compgen -G "$work/$name/*.h5" >/dev/null; then
    echo "synthetic clips: $work/$name"
    "$trajloom" data synth --out "$work/$name" --clips "$clips" --seed "$seed" --no-video
  fi
done
"$trajloom" train vae --config configs/small/vae.json --set run.dir="$work" --set data.path="$work/shards"
"$trajloom" runs "$work/small-vae"
echo "64 synthetic clips of another seed"
"$trajloom" eval vae --vae "$work/small-vae" --data "$work/unseen" --json "$work/unseen.json"
if [ -n "$real" ] && [ -d "$real" ]; then
  rm -rf "$work/real"
  "$trajloom" data import --tracks "$real" --no-video --out "$work/real"
  echo "real clips, none of which was trained on"
  "$trajloom" eval vae --vae "$work/small-vae" --data "$work/real" --json "$work/real.json"
else
  echo "real clips: skipped, there is no folder $real (make small-vae REAL=DIR)"
fi
