#!/usr/bin/env python3
"""Times trajloom against the published models in PyTorch, the two in turn, and prints a table of ratios.

    benchmarks/compare.py --upstream DIR [--python PYTHON] [--works vae:small,...] [--rounds N]

DIR is a checkout of github.com/zewei-Zhang/TrajLoom; PYTHON one that has torch, einops, timm and numpy.
The script that times the published models (vae, flow and sample at the same sizes, one training step or ten
Euler steps, fp32, batch 1) is ../shared/peer/peer_torch.py. Every line of output is kept in --log.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What is compared: ours, the peer's arguments, repetitions of each per round.
WORKS = {
    "vae:small": (["vae", "--size", "small"], ["vae", "small"], 3),
    "flow:small": (["flow", "--size", "small"], ["flow", "small"], 3),
    "sample:small": (["sample", "--size", "small", "--steps", "10"], ["sample", "small", "--steps", "10"], 2),
    "vae:published": (["vae", "--size", "published"], ["vae", "paper", "--ckpt"], 1),
    "flow:published": (["flow", "--size", "published"], ["flow", "paper", "--ckpt"], 1),
}


def run(command, log):
    """The JSON object on the last line that `command` prints."""
    # These variables hold OpenBLAS back from the processor's fastest kernels.
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    line = done.stdout.strip().splitlines()[-1]
    log.write(json.dumps({"command": command, "result": json.loads(line)}) + "\n")
    log.flush()
    return json.loads(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--trajloom", default=str(ROOT / ".build/release/trajloom"))
    parser.add_argument("--peer", default=str(ROOT.parent / "shared/peer/peer_torch.py"))
    parser.add_argument("--works", default=",".join(WORKS), help="of: " + ", ".join(WORKS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--log", default="benchmarks.jsonl")
    options = parser.parse_args()

    for what, path in (("the peer's timing script", options.peer), ("trajloom (make build)", options.trajloom),
                       ("the checkout", options.upstream + "/models")):
        if not os.path.exists(path):
            sys.exit(f"skipped: {what} is not at {path}")
    if subprocess.run([options.python, "-c", "import torch, einops, timm, numpy"], capture_output=True).returncode != 0:
        sys.exit(f"skipped: {options.python} lacks torch, einops, timm or numpy (pip install torch einops timm numpy)")

    print("| work | time, ours/PyTorch | memory, ours/PyTorch | ours: share of the sgemm rate |")
    print("|---|---|---|---|")
    with open(options.log, "a") as log:
        for name in options.works.split(","):
            if name not in WORKS:
                sys.exit(f"--works: unknown {name!r}; known: {', '.join(WORKS)}")
            ours, theirs, iterations = WORKS[name]
            rounds = []
            for _ in range(options.rounds):
                rounds.append((
                    run([options.trajloom, "bench", *ours, "--iters", str(iterations), "--json"], log),
                    run([options.python, options.peer, options.upstream, *theirs, "--iters", str(iterations)], log)))
            time = statistics.median(a["median_s"] / b["median_s"] for a, b in rounds)
            memory = statistics.median(a["peak_rss_gib"] / b["peak_rss_gib"] for a, b in rounds)
            share = statistics.median(a["fraction_of_gemm_peak"] for a, _ in rounds)
            print(f"| {name} | {time:.3f} | {memory:.2f} | {100 * share:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
