#!/usr/bin/env python3
"""Weights both ways between trajloom and the published code, with what both compute from them.

A tiny VAE, generator and visibility head are trained here, loaded by the authors' own loaders, and compute the same there;
then models of theirs are saved with torch.save, converted, and used here. Latents, reconstructions, velocities and logits
must agree to 1e-5 of the largest value, and futures that are drawn from the same noise to 1e-3 pixels. Their configuration
files are read as they are, and must come to those of configs/published.

    git clone https://github.com/zewei-Zhang/TrajLoom upstream
    python3 -m venv venv && venv/bin/pip install torch einops timm numpy h5py
    venv/bin/python Tests/interchange --upstream upstream

Says so and ends with 0 when something that it needs is not there.
"""

import tempfile

import common  # first: it reads the options, and finds the authors' modules
import configurations
import vae
import visibility
import generator
import sampling

with tempfile.TemporaryDirectory() as work:
    common.make_shards(work)
    for part in [configurations, vae, visibility, generator, sampling]:
        part.check(work)
print("interchange: passed")
