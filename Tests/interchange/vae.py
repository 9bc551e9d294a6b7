"""The VAE: latents and reconstructions of the same clips."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import torch
from common import CHANNELS, FRAMES, HEIGHT, LATENTS, STRIDE, WIDTH, dense, expect, perturb, relative, run, steps, train
from models.trajloom_vae import TrajLoomVAE
from utils.load_utils import load_trajloom_vae_from_config_file


def compare(title, model, run_folder, work):
    """Latents and reconstructions of every clip, theirs beside ours."""
    name = os.path.basename(run_folder)
    run("encode", "--vae", run_folder, "--data", f"{work}/shards", "--out", f"{work}/latents-{name}")
    run("eval", "vae", "--vae", run_folder, "--data", f"{work}/shards", "--out", f"{work}/recon-{name}")
    worst = {}
    with h5py.File(f"{work}/latents-{name}/latents-00000.h5") as latents, h5py.File(
        f"{work}/shards/shard-00000.h5"
    ) as shard:
        ids = latents["id"].asstr()[:]
        for row, clip in enumerate(ids):
            tracks = shard["tracks"][row]
            for segment, part in [("history", tracks[:FRAMES]), ("future", tracks[FRAMES : 2 * FRAMES])]:
                with torch.no_grad():
                    z = model.encode(dense(part)).loc
                    field = model.decode(z)
                ours = latents["z_hist" if segment == "history" else "z_fut"][row]
                worst["encode"] = max(worst.get("encode", 0), relative(ours, z[0].numpy()))
                points = field[0, :, :, ::STRIDE, ::STRIDE].permute(0, 2, 3, 1).reshape(FRAMES, -1, 2).numpy()
                pixels = np.load(f"{work}/recon-{name}/{segment}/{clip}/pred_tracks.npy")
                normalised = pixels / np.array([WIDTH, HEIGHT], np.float32) * 2 - 1
                worst["decode"] = max(worst.get("decode", 0), relative(normalised, points))
    expect(f"VAE, {title}, {len(ids)} clips", worst)


def check(work):
    """Leaves the runs `vae` (trained here) and `their-vae`, and of both the weights as .pt and the configuration."""
    sizes = {"input_height": HEIGHT, "input_width": WIDTH, "num_frames_in": FRAMES, "num_frames_latent": LATENTS,
             "hidden_size": 32, "encoding": "pixel", "latent_channels": CHANNELS}  # fmt: skip
    train("vae", work, "vae", {**{f"vae.{key}": value for key, value in sizes.items()}, **steps(300)})

    run("convert", f"{work}/vae/config.json", f"{work}/vae.json")
    run("convert", f"{work}/vae", f"{work}/vae.pt")
    model, _ = load_trajloom_vae_from_config_file(Path(f"{work}/vae.json"), f"{work}/vae.pt", torch.device("cpu"))
    compare("ours in their code", model, f"{work}/vae", work)

    with open(f"{work}/vae.json") as file:
        theirs = TrajLoomVAE(**json.load(file)["trajloom_vae"]["config"]).eval()
    perturb(theirs, 3, 0.1)
    exact = {key: value.clone() for key, value in theirs.state_dict().items()}
    torch.save({"vae": exact, "cfg": {"vae": {"hidden_size": 32}}, "epoch": 1}, f"{work}/their-vae.pt")
    run("convert", f"{work}/their-vae.pt", f"{work}/their-vae", "--config", f"{work}/vae.json")
    compare("theirs in our code (.pt)", theirs, f"{work}/their-vae", work)

    anchors = theirs.offset_anchor_grid.clone()
    for name, kind in [("half", torch.float16), ("bfloat16", torch.bfloat16)]:
        narrow = {key: value.to(kind) for key, value in exact.items()}
        torch.save({"vae": narrow}, f"{work}/{name}.pt")
        run("convert", f"{work}/{name}.pt", f"{work}/{name}", "--config", f"{work}/vae.json")
        # Ours computes with the exact anchors, whatever the file's rounding made of them.
        theirs.load_state_dict({key: value.float() for key, value in narrow.items()})
        theirs.offset_anchor_grid.copy_(anchors)
        compare(f"theirs in our code ({name} .pt)", theirs, f"{work}/{name}", work)
