"""The whole of sampling from the same noise: history, conditions, flow, decoder and visibility."""

import glob
import json

import h5py
import numpy as np
import torch
from common import CHANNELS, FRAMES, HEIGHT, LATENTS, POINTS, STRIDE, WIDTH, dense, expect, run
from generator import load_by_their_code as load_generator
from philox import normal
from run_trajloom_generator import sample_rectified_flow
from utils.dataset_utils import repeat_21_to_81
from utils.inference_utils import denormalize_points_torch, make_latent_vis_mask
from utils.load_utils import load_full_generator_config, load_trajloom_vae_from_checkpoint_cfg
from utils.trajloom_vae_utils import init_latent_scaler, scale_latents, unscale_latents
from visibility import load_by_their_code as load_head

SEED, CLIPS = 17, 3
PIXELS, PROBABILITY = 1e-3, 1e-5


def their_futures(config_file, weights, statistics, shard, steps, seed):
    """Positions [T, N, 2] in pixels and probabilities [T, N] of the first clips, by their code. Their script keeps the
    history's visibility from the generator and bends positions into the frame; neither is done here."""
    config = load_full_generator_config(config_file)
    config.trajloom_vae.ckpt_path = weights["vae"]
    config.train.latent_stats_json = statistics
    init_latent_scaler(config.train, torch.device("cpu"))
    vae, _ = load_trajloom_vae_from_checkpoint_cfg(config.trajloom_vae, torch.device("cpu"))
    generator = load_generator(config_file, weights["generator"])
    head, stride = load_head(weights["head_config"], weights["head"])
    for row, clip in enumerate(shard["id"].asstr()[:CLIPS]):
        with torch.no_grad():
            z_hist = scale_latents(vae.encode(dense(shard["tracks"][row, :FRAMES])).loc)
            seen = torch.from_numpy(shard["visibility"][row, :FRAMES].reshape(FRAMES, -1))
            shape, stream = (LATENTS, POINTS, CHANNELS), f"sample/{clip}"
            z0 = torch.from_numpy(normal(shape, seed, stream))[None]
            anchor = torch.from_numpy(normal((1, POINTS, CHANNELS), seed, f"{stream}/anchor"))[None]
            z0[:, :1] = z_hist[:, -1:] + config.train.x0_noise_std * anchor
            z = sample_rectified_flow(
                generator, z_hist,
                torch.from_numpy(shard["video_latents"][row].astype(np.float32))[None],
                torch.from_numpy(shard["text_embedding"][row].astype(np.float32))[None],
                tuple(z_hist.shape), hist_vis_lat=make_latent_vis_mask(seen, temp_stride=stride), z0=z0, steps=steps,
                cfg=config,
            )  # fmt: skip
            field = vae.decode(unscale_latents(z)).permute(0, 1, 3, 4, 2)
            pixels = denormalize_points_torch(field, max_width=WIDTH, max_height=HEIGHT)
            points = pixels[0, :, ::STRIDE, ::STRIDE].reshape(FRAMES, -1, 2)
            probability = repeat_21_to_81(torch.sigmoid(head(z, z_hist)), stride=stride, out_len=FRAMES)[0]
        yield clip, points.numpy(), probability.numpy()


def compare(title, runs, config, weights, statistics, work):
    """Prints how far ours are from theirs, and from theirs of other noise: the noise must matter."""
    for steps in [10, 100]:
        out = f"{work}/futures-{title}-{steps}".replace(" ", "-")
        said = run("sample", "--flow", runs["generator"], "--vae", runs["vae"], "--visibility", runs["head"],
                   "--data", f"{work}/shards", "--steps", str(steps), "--seed", str(SEED), "--out", out)  # fmt: skip

        def differences(seed):
            pixels, probabilities = [], []
            with h5py.File(f"{work}/shards/shard-00000.h5") as shard:
                for clip, points, probability in their_futures(config, weights, statistics, shard, steps, seed):
                    pixels.append(np.linalg.norm(np.load(f"{out}/{clip}/pred_tracks.npy") - points, axis=-1))
                    probabilities.append(np.abs(np.load(f"{out}/{clip}/pred_visibility_prob.npy") - probability))
            return np.stack(pixels), np.stack(probabilities)

        pixels, probabilities = differences(SEED)
        print(f"sampling, {title}, {steps} steps")
        expect("  px", {"mean": pixels.mean()}, PIXELS)
        expect("  px", {"max": pixels.max()}, 10 * PIXELS)
        expect("  probability", {"max": probabilities.max()}, PROBABILITY)
        if steps == 10:
            pixels, probabilities = (difference.mean() for difference in differences(SEED + 1))
            print(f"  from other noise: px mean {pixels:.1e}, probability mean {probabilities:.1e}")
            if pixels < 10 * PIXELS or probabilities < 10 * PROBABILITY:
                raise SystemExit(f"interchange: {title}: other noise comes to the same, so this shows nothing")
    return said


def check(work):
    head = "head-difference"
    for name in ["flow-plain", "flow-conditions", "flow-conditions-pooled"]:
        (statistics,) = glob.glob(f"{work}/{name}/checkpoints/*/latent_stats.json")
        weights = {"vae": f"{work}/vae.pt", "generator": f"{work}/{name}.pt", "head": f"{work}/{head}.pt",
                   "head_config": f"{work}/{head}.json"}  # fmt: skip
        runs = {"vae": f"{work}/vae", "generator": f"{work}/{name}", "head": f"{work}/{head}"}
        compare(f"ours in their code, {name}", runs, f"{work}/{name}.json", weights, statistics, work)

    # Theirs here, with statistics as they publish them: nothing says of which VAE.
    with open(f"{work}/latents-their-vae/latent_stats.json") as file:
        published = json.load(file)
    del published["origin"]
    with open(f"{work}/published_stats.json", "w") as file:
        json.dump(published, file)
    name, runs = "flow-conditions", {"vae": f"{work}/their-vae"}
    weights = {"vae": f"{work}/their-vae.pt", "generator": f"{work}/their-{name}-float32.pt",
               "head": f"{work}/their-{head}-float32.pt", "head_config": f"{work}/{head}.json"}  # fmt: skip
    for part, config in [("generator", name), ("head", head)]:
        runs[part] = f"{work}/their-{config}"
        run("convert", weights[part], runs[part], "--config", f"{work}/{config}.json", "--stats",
            f"{work}/published_stats.json")  # fmt: skip
    said = compare("theirs in our code", runs, f"{work}/{name}.json", weights, f"{work}/published_stats.json", work)
    if "could not be checked" not in said:
        raise SystemExit(f"interchange: sample did not say that the VAE could not be checked:\n{said}")
