#!/usr/bin/env python3
"""Times reading and importing data against h5py and numpy, the two in turn, and prints ratios.

    benchmarks/compare_data.py [--python PYTHON] [--clips N] [--rounds N]

PYTHON is one that has h5py and numpy. Both sides read the same checksummed, compressed shard of 480 x 832 x 162 clips clip by
clip in shuffled order, on one thread, the file's pages in memory; and both turn the same .npz files into such a shard.
The starting of Python and its imports is not counted; the starting of trajloom is.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def h5py_read(path, passes):
    """The median seconds per clip of reading the tracks and visibility of every clip of a shard."""
    import h5py
    import numpy as np

    times = []
    with h5py.File(path, "r") as file:
        tracks, visibility = file["tracks"], file["visibility"]
        for number in range(passes + 1):
            order = np.random.RandomState(number).permutation(len(tracks))
            start = time.perf_counter()
            for clip in order:
                _ = tracks[clip], visibility[clip]
            times.append((time.perf_counter() - start) / len(order))
    return statistics.median(times[1:])


def numpy_import(folder, output):
    """The seconds that numpy and h5py take to write the shard that `trajloom data import` writes."""
    import h5py
    import numpy as np

    start = time.perf_counter()
    names = sorted(name for name in os.listdir(folder) if name.endswith(".npz"))
    with h5py.File(output, "w", libver="latest") as file:
        shapes = {"tracks": (162, 15, 26, 2), "visibility": (162, 15, 26)}
        sets = {
            key: file.create_dataset(
                key, (len(names), *shape), "f4" if key == "tracks" else "u1", chunks=(1, *shape), shuffle=True,
                compression="gzip", compression_opts=4, fletcher32=True)
            for key, shape in shapes.items()
        }
        for row, name in enumerate(names):
            with np.load(os.path.join(folder, name)) as arrays:
                tracks = arrays["tracks"].transpose(1, 0, 2).reshape(shapes["tracks"])
                visibility = arrays["visibility"].T.reshape(shapes["visibility"])
            if not np.isfinite(tracks).all():
                sys.exit(f"{name}: not finite")
            sets["tracks"][row] = tracks
            sets["visibility"][row] = visibility
        file["id"] = [name[:-4] for name in names]
    with open(output, "rb") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - start


def make_npz(shard, folder, compressed):
    """The clips of a shard as .npz files."""
    import h5py
    import numpy as np

    save = np.savez_compressed if compressed else np.savez
    with h5py.File(shard, "r") as file:
        for row, name in enumerate(file["id"].asstr()[:]):
            tracks = file["tracks"][row].reshape(162, 390, 2).transpose(1, 0, 2)
            visibility = file["visibility"][row].reshape(162, 390).T
            save(os.path.join(folder, name), tracks=np.ascontiguousarray(tracks), visibility=visibility)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--trajloom", default=str(ROOT / ".build/release/trajloom"))
    parser.add_argument("--clips", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        task, *arguments = options.task
        if task == "read":
            print(h5py_read(arguments[0], 5))
        elif task == "import":
            print(numpy_import(*arguments))
        else:
            make_npz(arguments[0], arguments[1], arguments[2] == "compressed")
        return

    if not os.path.exists(options.trajloom):
        sys.exit(f"skipped: trajloom (make build) is not at {options.trajloom}")
    if subprocess.run([options.python, "-c", "import h5py, numpy"], capture_output=True).returncode != 0:
        sys.exit(f"skipped: {options.python} lacks h5py or numpy (pip install h5py numpy)")

    def call(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def peer(*task):
        return call(options.python, __file__, "--task", *task)

    with tempfile.TemporaryDirectory() as folder:
        shards = f"{folder}/shards"
        call(options.trajloom, "data", "synth", "--out", shards, "--clips", str(options.clips), "--no-video",
             "--clips-per-shard", str(options.clips))
        shard = f"{shards}/shard-00000.h5"
        print("| work | time, ours/theirs |")
        print("|---|---|")
        one, all_cores = [], []
        for _ in range(options.rounds):
            ours = json.loads(call(options.trajloom, "bench", "read", shards, "--json"))
            theirs = float(peer("read", shard))
            one.append(ours["s_per_clip"] / theirs)
            all_cores.append(ours["s_per_clip_all_cores"] / theirs)
        print(f"| reading shuffled clips, one thread each | {statistics.median(one):.2f} |", flush=True)
        print(f"| the same, ours on all cores | {statistics.median(all_cores):.2f} |", flush=True)
        for kind in ("stored", "compressed"):
            source = f"{folder}/{kind}"
            os.makedirs(source)
            peer("make", shard, source, kind)
            ratios = []
            for _ in range(options.rounds):
                output = f"{folder}/out"
                start = time.perf_counter()
                call(options.trajloom, "data", "import", "--tracks", source, "--out", output, "--clips-per-shard",
                     str(options.clips))
                ours = time.perf_counter() - start
                ratios.append(ours / float(peer("import", source, f"{folder}/theirs.h5")))
                shutil.rmtree(output)
            print(f"| import of {kind} .npz | {statistics.median(ratios):.2f} |", flush=True)


if __name__ == "__main__":
    main()
