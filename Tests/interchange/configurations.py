"""The authors' configuration files, as they are: ours are what they come to, and become them again."""

import json
import os
import sys

from common import ROOT, options, run

FILES = {"vae": "trajloom_vae_config", "flow": "trajloom_generator_config", "visibility": "vis_predictor_config"}


def leaves(block, prefix=""):
    for key, value in block.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def read(path):
    with open(path) as file:
        return dict(leaves(json.load(file)))


def check(work):
    for kind, name in FILES.items():
        theirs = os.path.abspath(f"{options.upstream}/configs/{name}.json")
        run("convert", theirs, f"{work}/published-{kind}.json")
        ours, published = read(f"{work}/published-{kind}.json"), read(f"{ROOT}/configs/published/{kind}.json")
        run("convert", f"{ROOT}/configs/published/{kind}.json", f"{work}/back-{kind}.json")
        original, back = read(theirs), read(f"{work}/back-{kind}.json")
        # What they hold and ours do not is missing; names and places of files stand for nothing.
        other = {key for key in back.keys() & original.keys() if back[key] != original[key]}
        other -= {"data.video_dir", "data.tracks_dir", "trajloom_vae.ckpt_path", "trajectory_vae.ckpt_path",
                  "train.latent_stats_json", "latent_stats_key"}  # fmt: skip
        other |= {key for key in ours.keys() | published.keys() if ours.get(key) != published.get(key)}
        if other:
            sys.exit(f"interchange: {name}.json and configs/published/{kind}.json differ in {', '.join(sorted(other))}")
        print(f"configuration, {kind}: {len(original)} keys of theirs come to our {len(ours)}; {len(back)} go back")
