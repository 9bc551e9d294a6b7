#!/usr/bin/env python3
"""Weights both ways between trajloom and the published code, with what both compute from them.

A tiny VAE is trained here, loaded by the authors' own loader, and encodes and decodes the same clips there; then a model of
theirs is saved with torch.save, converted, and used here. Everything must agree to 1e-5 of the largest value.

    git clone https://github.com/zewei-Zhang/TrajLoom upstream
    python3 -m venv venv && venv/bin/pip install torch einops timm numpy h5py
    venv/bin/python Tests/interchange.py --upstream upstream

Says so and ends with 0 when something that it needs is not there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEIGHT, WIDTH, STRIDE, FRAMES = 64, 96, 32, 9
TOLERANCE = 1e-5


def skip(reason):
    print(f"interchange: skipped, {reason}")
    sys.exit(0)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--upstream", default="upstream", help="a clone of zewei-Zhang/TrajLoom")
parser.add_argument("--trajloom", default=os.path.join(ROOT, ".build/release/trajloom"), help="the built program")
options = parser.parse_args()

if not os.path.exists(options.trajloom):
    skip(f"there is no program at {options.trajloom}; run make build")
if not os.path.isdir(os.path.join(options.upstream, "models")):
    skip(f"there is no clone of the published code at {options.upstream}")
try:
    import h5py
    import numpy as np
    import torch

    sys.path.insert(0, options.upstream)
    from models.trajloom_vae import TrajLoomVAE
except ImportError as error:
    skip(f"python lacks a module: {error}")


def run(*words):
    done = subprocess.run([options.trajloom, *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"trajloom {' '.join(words)}: exit {done.returncode}\n{done.stderr}")


def load_by_their_code(config, weights):
    """Their loader, or where its imports (Wan, cv2) are missing, the same steps."""
    try:
        from pathlib import Path

        from utils.load_utils import load_trajloom_vae_from_config_file

        return load_trajloom_vae_from_config_file(Path(config), weights, torch.device("cpu"))[0], "their loader"
    except ImportError as error:
        with open(config) as file:
            model = TrajLoomVAE(**json.load(file)["trajloom_vae"]["config"])
        model.load_state_dict(torch.load(weights, map_location="cpu")["vae"], strict=True)
        return model.eval(), f"strict load_state_dict, as their loader needs more ({error})"


def dense(tracks):
    """[T, Hc, Wc, 2] pixels -> their input, [1, T, 2, H, W] normalised."""
    field = np.repeat(np.repeat(tracks, STRIDE, axis=1), STRIDE, axis=2)
    scaled = field / np.array([WIDTH, HEIGHT], np.float32) * 2 - 1
    return torch.from_numpy(scaled).permute(0, 3, 1, 2)[None]


def compare(title, model, run_folder, work):
    """Latents and reconstructions of every clip, theirs beside ours."""
    name = os.path.basename(run_folder)
    run("encode", "--vae", run_folder, "--data", f"{work}/shards", "--out", f"{work}/latents-{name}")
    run("eval", "vae", "--vae", run_folder, "--data", f"{work}/shards", "--out", f"{work}/recon-{name}")
    worst = {"encode": 0.0, "decode": 0.0}
    with h5py.File(f"{work}/latents-{name}/latents-00000.h5") as latents, h5py.File(
        f"{work}/shards/shard-00000.h5"
    ) as shard:
        ids = [text.decode() if isinstance(text, bytes) else text for text in latents["id"][:]]
        for row, clip in enumerate(ids):
            tracks = shard["tracks"][row]
            for segment, part in [("history", tracks[:FRAMES]), ("future", tracks[FRAMES : 2 * FRAMES])]:
                with torch.no_grad():
                    z = model.encode(dense(part)).loc
                    field = model.decode(z)
                ours = latents["z_hist" if segment == "history" else "z_fut"][row]
                error = np.abs(ours - z[0].numpy()).max() / np.abs(ours).max()
                worst["encode"] = max(worst["encode"], float(error) if np.isfinite(error) else np.inf)
                points = field[0, :, :, ::STRIDE, ::STRIDE].permute(0, 2, 3, 1).reshape(FRAMES, -1, 2).numpy()
                pixels = np.load(f"{work}/recon-{name}/{segment}/{clip}/pred_tracks.npy")
                normalised = pixels / np.array([WIDTH, HEIGHT], np.float32) * 2 - 1
                error = np.abs(normalised - points).max() / np.abs(points).max()
                worst["decode"] = max(worst["decode"], float(error) if np.isfinite(error) else np.inf)
    print(f"{title}: {len(ids)} clips, encode {worst['encode']:.1e}, decode {worst['decode']:.1e} of the largest value")
    if not ids or not all(error <= TOLERANCE for error in worst.values()):
        sys.exit(f"interchange: {title} is off by more than {TOLERANCE}")


with tempfile.TemporaryDirectory() as work:
    run("data", "synth", "--out", f"{work}/shards", "--clips", "8", "--height", str(HEIGHT), "--width", str(WIDTH),
        "--frames", str(2 * FRAMES), "--no-video", "--seed", "5")  # fmt: skip
    sizes = {"input_height": HEIGHT, "input_width": WIDTH, "num_frames_in": FRAMES, "num_frames_latent": 3,
             "hidden_size": 32, "encoding": "pixel"}  # fmt: skip
    sets = [f"vae.{key}={value}" for key, value in sizes.items()]
    sets += [f"data.path={work}/shards", f"data.raw_height={HEIGHT}", f"data.raw_width={WIDTH}",
             f"data.hist_len={FRAMES}", f"data.future_len={FRAMES}", f"run.dir={work}", "run.name=ours",
             "train.max_steps=60", "train.val_every=60", "train.save_every=60"]  # fmt: skip
    run("train", "vae", "--config", "configs/quick/vae.json", *[word for one in sets for word in ("--set", one)])

    run("convert", f"{work}/ours/config.json", f"{work}/theirs.json")
    run("convert", f"{work}/ours", f"{work}/ours.pt")
    model, how = load_by_their_code(f"{work}/theirs.json", f"{work}/ours.pt")
    compare(f"ours in their code ({how})", model, f"{work}/ours", work)

    torch.manual_seed(3)
    with open(f"{work}/theirs.json") as file:
        theirs = TrajLoomVAE(**json.load(file)["trajloom_vae"]["config"]).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    exact = {key: value.clone() for key, value in theirs.state_dict().items()}
    state = {"vae": exact, "cfg": {"vae": {"hidden_size": 32}}, "epoch": 1}
    torch.save(state, f"{work}/theirs.pt")
    run("convert", f"{work}/theirs.pt", f"{work}/theirs", "--config", f"{work}/theirs.json")
    compare("theirs in our code (.pt)", theirs, f"{work}/theirs", work)

    anchors = theirs.offset_anchor_grid.clone()
    for name, kind in [("half", torch.float16), ("bfloat16", torch.bfloat16)]:
        narrow = {key: value.to(kind) for key, value in state["vae"].items()}
        torch.save({"vae": narrow}, f"{work}/{name}.pt")
        run("convert", f"{work}/{name}.pt", f"{work}/{name}", "--config", f"{work}/theirs.json")
        # Ours computes with the exact anchors, whatever the file's rounding made of them.
        theirs.load_state_dict({key: value.float() for key, value in narrow.items()})
        theirs.offset_anchor_grid.copy_(anchors)
        compare(f"theirs in our code ({name} .pt)", theirs, f"{work}/{name}", work)
print("interchange: passed")
