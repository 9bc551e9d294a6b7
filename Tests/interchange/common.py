"""What the comparisons share: the built program, the authors' modules, tensors in files, and the tiny data."""

import argparse
import json
import os
import struct
import subprocess
import sys
import types

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEIGHT, WIDTH, STRIDE, FRAMES, LATENTS = 64, 96, 32, 9, 3
POINTS, CHANNELS, VIDEO_CHANNELS, TEXT_SIZE = (HEIGHT // STRIDE) * (WIDTH // STRIDE), 8, 4, 12
TOLERANCE = 1e-5


def skip(reason):
    print(f"interchange: skipped, {reason}")
    sys.exit(0)


def parse_options(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", default="upstream", help="a clone of zewei-Zhang/TrajLoom")
    parser.add_argument("--trajloom", default=os.path.join(ROOT, ".build/release/trajloom"), help="the built program")
    return parser.parse_args()


options = parse_options(sys.modules["__main__"].__doc__)
if not os.path.exists(options.trajloom):
    skip(f"there is no program at {options.trajloom}; run make build")
if not os.path.isdir(os.path.join(options.upstream, "models")):
    skip(f"there is no clone of the published code at {options.upstream}")
# Their modules import readers of video at the top. None is called here, so empty ones do.
for name in ["cv2", "decord", "imageio"]:
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = types.ModuleType(name)
try:
    import h5py
    import numpy as np
    import torch

    sys.path.insert(0, options.upstream)
    import run_trajloom_generator  # noqa: F401: all that they need is there, or not
except ImportError as error:
    skip(f"python lacks a module: {error}")
torch.set_num_threads(1)  # the models are tiny
torch.manual_seed(2)


def run(*words):
    """The program's standard error."""
    done = subprocess.run([options.trajloom, *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"trajloom {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stderr


def train(kind, folder, name, settings):
    """A short training of the quick configuration with other settings."""
    common = {
        "run.dir": folder, "run.name": name, "data.path": f"{folder}/shards", "data.raw_height": HEIGHT,
        "data.raw_width": WIDTH, "data.hist_len": FRAMES, "data.future_len": FRAMES, "train.batch_size": 4,
        "train.warmup_steps": 1, "train.max_minutes": 0,
    }  # fmt: skip
    sets = [word for key, value in {**common, **settings}.items() for word in ("--set", f"{key}={text(value)}")]
    run("train", kind, "--config", f"configs/quick/{kind}.json", *sets)


def text(value):
    return json.dumps(value) if isinstance(value, bool) else str(value)


def steps(count):
    return {f"train.{key}": count for key in ["max_steps", "val_every", "save_every"]}


def make_shards(folder):
    """Eight clips, with latents of their videos and embeddings of their captions as another program would add them."""
    run("data", "synth", "--out", f"{folder}/shards", "--clips", "8", "--height", str(HEIGHT), "--width", str(WIDTH),
        "--frames", str(2 * FRAMES), "--no-video", "--seed", "5")  # fmt: skip
    random = np.random.default_rng(11)
    # What HDF5 2 writes as its latest layout, the HDF5 1.14 of the program does not read.
    with h5py.File(f"{folder}/shards/shard-00000.h5", "r+", libver=("v110", "v114")) as shard:
        clips = shard["tracks"].shape[0]
        for name, shape in [("video_latents", (LATENTS, POINTS, VIDEO_CHANNELS)), ("text_embedding", (TEXT_SIZE,))]:
            shard.create_dataset(
                name, data=random.normal(size=(clips, *shape)).astype(np.float16), chunks=(1, *shape),
                shuffle=True, compression="gzip", fletcher32=True)  # fmt: skip
    run("data", "verify", f"{folder}/shards")


def save_tensors(path, tensors):
    """safetensors, F32."""
    header, offset = {}, 0
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()}
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    head = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + b"".join(array.tobytes() for array in arrays.values()))


def load_tensor(path, name):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(size))[name]
        begin, end = entry["data_offsets"]
        file.seek(8 + size + begin)
        return np.frombuffer(file.read(end - begin), np.float32).reshape(entry["shape"])


def forward(run_folder, inputs, output, work):
    """What the program computes at `inputs`."""
    save_tensors(f"{work}/inputs.safetensors", inputs)
    if os.path.exists(f"{work}/outputs.safetensors"):
        os.remove(f"{work}/outputs.safetensors")
    run("forward", "--run", run_folder, "--inputs", f"{work}/inputs.safetensors", "--out", f"{work}/outputs.safetensors")
    return load_tensor(f"{work}/outputs.safetensors", output)


def relative(ours, theirs):
    """The largest difference as a share of the largest value."""
    error = np.abs(np.asarray(ours) - np.asarray(theirs)).max() / np.abs(theirs).max()
    return float(error) if np.isfinite(error) else np.inf


def expect(title, errors, tolerance=TOLERANCE):
    """Prints named errors, and ends when one is too large."""
    print(f"{title}: " + ", ".join(f"{name} {error:.1e}" for name, error in errors.items()))
    if not errors or not all(error <= tolerance for error in errors.values()):
        sys.exit(f"interchange: {title} is off by more than {tolerance}")


def perturb(model, seed, deviation):
    """Other weights everywhere: zeros and ones of an initialisation hide faults."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(deviation * torch.randn_like(parameter))


def dense(tracks):
    """[T, Hc, Wc, 2] pixels -> their input, [1, T, 2, H, W] normalised."""
    field = np.repeat(np.repeat(tracks, STRIDE, axis=1), STRIDE, axis=2)
    scaled = field / np.array([WIDTH, HEIGHT], np.float32) * 2 - 1
    return torch.from_numpy(scaled).permute(0, 3, 1, 2)[None]
