#!/usr/bin/env python3
"""Writes the files of this folder with PyTorch (2.9.1 was used): what trajloom reads of torch.save, and refuses."""
import argparse
import os
from collections import OrderedDict

import torch

here = os.path.dirname(os.path.abspath(__file__))
numbers = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/trajloom-was-executed",)


def save(value, name, **options):
    torch.save(value, os.path.join(here, name), **options)


weights = OrderedDict(
    f32=numbers,
    f16=numbers.half(),
    bf16=numbers.bfloat16(),
    transposed=numbers.t(),
    part=torch.arange(20, dtype=torch.float32)[4:10].reshape(3, 2),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(numbers + 1),
)
settings = {"cfg": {"a": [1, -2.5, None, True, 10**12], "b": (1,), "s": torch.Size([2])}, "step": 70000}
save({"vae": weights, **settings}, "weights.pt")
save(weights, "bare.pt")
save({"a": {"x": numbers}, "b": {"x": numbers}}, "several.pt")
save({"vae": {"x": torch.arange(3)}}, "integers.pt")
save({"vae": {"x": torch.zeros(1).expand(1000)}}, "expanded.pt")
save({"vae": {"x": numbers}, "args": argparse.Namespace(a=1)}, "namespace.pt")
save({"vae": {"x": numbers}, "evil": Evil()}, "evil.pt")
save({"vae": {"x": numbers}}, "legacy.pt", _use_new_zipfile_serialization=False)
