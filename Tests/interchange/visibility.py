"""The visibility head: logits at the same inputs."""

from pathlib import Path

import numpy as np
import torch
from common import CHANNELS, LATENTS, POINTS, expect, forward, perturb, relative, run, steps, train
from models.visibility_predictor import TrajLoomVisibilityPredictor
from utils.load_utils import load_state_dict_from_ckpt, load_vis_cfg_and_params

VARIANTS = {
    "head-plain": {},
    "head-history": {"use_hist_last": True},
    "head-difference": {"use_hist_last": True, "use_delta_to_hist": True},
}


def load_by_their_code(config, weights):
    sizes, _, stride = load_vis_cfg_and_params(Path(config))
    model = TrajLoomVisibilityPredictor(sizes).eval()
    model.load_state_dict(load_state_dict_from_ckpt(Path(weights), ["model", "predictor"]), strict=True)
    return model, stride


def check(work):
    """Leaves a run, a .pt and a configuration for each variant and for `their-` variant."""
    random = np.random.default_rng(9)
    given = {name: random.normal(size=(3, LATENTS, POINTS, CHANNELS)).astype(np.float32) for name in ["future", "history"]}
    future, history = (torch.from_numpy(given[name]) for name in ["future", "history"])

    def their_logits(model):
        with torch.no_grad():
            return model(future, history).numpy()

    for name, other in VARIANTS.items():
        sets = {f"visibility.{key}": value for key, value in {"latent_channels": CHANNELS, **other}.items()}
        train("visibility", work, name, {**sets, **steps(30), "data.vae": f"{work}/vae", "data.latents": f"{work}/latents"})
        run("convert", f"{work}/{name}/config.json", f"{work}/{name}.json")
        run("convert", f"{work}/{name}", f"{work}/{name}.pt")
        model, _ = load_by_their_code(f"{work}/{name}.json", f"{work}/{name}.pt")
        errors = {"ours in their code": relative(forward(f"{work}/{name}", given, "logits", work), their_logits(model))}

        perturb(model, 5, 0.1)
        exact = {key: value.clone() for key, value in model.state_dict().items()}
        for kind, theirs in [("float32", exact), ("float16", {key: value.half() for key, value in exact.items()})]:
            file, folder = f"{work}/their-{name}-{kind}.pt", f"{work}/their-{name}-{kind}"
            torch.save({"model": theirs, "cfg": {"hidden": 64}, "step": 20000}, file)
            run("convert", file, folder, "--config", f"{work}/{name}.json", "--stats", f"{work}/latents/latent_stats.json")
            model.load_state_dict({key: value.float() for key, value in theirs.items()})
            errors[f"theirs in our code, {kind}"] = relative(forward(folder, given, "logits", work), their_logits(model))
        expect(f"visibility head, {name.removeprefix('head-')}", errors)
