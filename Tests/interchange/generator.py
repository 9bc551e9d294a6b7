"""The generator: velocities at the same inputs."""

from pathlib import Path

import numpy as np
import torch
from common import (
    CHANNELS, FRAMES, HEIGHT, LATENTS, POINTS, TEXT_SIZE, VIDEO_CHANNELS, WIDTH, expect, forward, perturb, relative, run,
    steps, train,
)  # fmt: skip
from models.trajloom_generator import TrajLoomGenerator
from utils.load_utils import load_full_generator_config, load_state_dict_from_ckpt

# Name: video and text, pooling of the spatial context, and what else differs from the published configuration.
VARIANTS = {
    "flow-plain": (False, 1, {}),
    "flow-pooled": (False, 2, {"use_hist_vis_cond": False, "track_fusion": "add_last"}),
    "flow-conditions": (True, 1, {}),
    "flow-conditions-pooled": (True, 2, {"video_ctx_mode": "sum", "video_fusion": "add_last"}),
}


def inputs(conditions):
    """Three samples at the start, the middle and the end of the flow time."""
    random = np.random.default_rng(7)
    latents = (3, LATENTS, POINTS, CHANNELS)
    given = {
        "z": random.normal(size=latents), "history": random.normal(size=latents), "time": [0, 0.37, 0.99],
        "history_visibility": random.integers(0, 2, latents[:3]),
    }  # fmt: skip
    if conditions:
        given["video"] = random.normal(size=(*latents[:3], VIDEO_CHANNELS))
        given["text"] = random.normal(size=(3, TEXT_SIZE))
    return {name: np.asarray(value, np.float32) for name, value in given.items()}


def their_velocity(model, given):
    tensors = {name: torch.from_numpy(value) for name, value in given.items()}
    with torch.no_grad():
        return model(
            tensors["z"], tensors["time"], tensors["history"], hist_vis=tensors["history_visibility"],
            z_hist_video=tensors.get("video"), text_cond=tensors.get("text"),
        ).numpy()  # fmt: skip


def load_by_their_code(config, weights):
    model = TrajLoomGenerator(load_full_generator_config(config).generator).eval()
    model.load_state_dict(load_state_dict_from_ckpt(Path(weights), ["generator", "model"]), strict=True)
    return model


def check(work):
    """Leaves a run, a .pt and a configuration for each variant and for `their-` variant."""
    statistics = f"{work}/latents/latent_stats.json"
    for name, (conditions, pool, other) in VARIANTS.items():
        sizes = {
            "input_height": HEIGHT, "input_width": WIDTH, "num_frames_in": FRAMES, "num_frames_latent": LATENTS,
            "hidden_size": 32, "latent_channels": CHANNELS, "spatial_ctx_pool": pool, "use_video_cond": conditions,
            "use_text_cond": conditions, "video_source": "precomputed", "text_source": "precomputed",
            "video_latent_channels": VIDEO_CHANNELS, "text_embed_dim": TEXT_SIZE, "prediction": "velocity",
            "use_continuation_cond": False, **other,
        }  # fmt: skip
        sets = {f"flow.{key}": value for key, value in sizes.items()}
        train("flow", work, name, {
            **sets, **steps(30), "data.vae": f"{work}/vae", "data.latents": f"{work}/latents",
            "sample.visibility": f"{work}/head-plain", "train.ema_decay": 0.9, "train.x0_mode": "anchor_first",
            "train.x0_noise_std": 0.1, "sample.correct_continuation": False, "sample.smooth_frames": 0,
        })  # fmt: skip
        given = inputs(conditions)
        run("convert", f"{work}/{name}/config.json", f"{work}/{name}.json")
        run("convert", f"{work}/{name}", f"{work}/{name}.pt")
        model = load_by_their_code(f"{work}/{name}.json", f"{work}/{name}.pt")
        ours = forward(f"{work}/{name}", given, "velocity", work)
        errors = {"ours in their code": relative(ours, their_velocity(model, given))}

        perturb(model, 4, 0.03)
        exact = {key: value.clone() for key, value in model.state_dict().items()}
        for kind, theirs in [("float32", exact), ("float16", {key: value.half() for key, value in exact.items()})]:
            file, folder = f"{work}/their-{name}-{kind}.pt", f"{work}/their-{name}-{kind}"
            torch.save({"generator": theirs, "optimizer": {"state": {}}, "step": 8000}, file)
            run("convert", file, folder, "--config", f"{work}/{name}.json", "--stats", statistics)
            model.load_state_dict({key: value.float() for key, value in theirs.items()})
            ours = forward(folder, given, "velocity", work)
            errors[f"theirs in our code, {kind}"] = relative(ours, their_velocity(model, given))
        expect(f"generator, {name.removeprefix('flow-')}", errors)
