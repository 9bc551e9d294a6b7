"""The draws of Sources/Autograd/Random/Philox.swift, from Salmon et al. (SC 2011): both sides start from the same noise."""

import numpy as np

WORD = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)


def fnv1a(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def blocks(count, seed, stream, step, sample):
    """Four 32-bit words for each of `count` counters, as [count, 4] of 64 bits."""
    x = np.arange(count, dtype=np.uint64)
    y, z, w = (np.full(count, value, np.uint64) for value in (sample, step, fnv1a(stream)))
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        first, second = x * np.uint64(0xD2511F53), z * np.uint64(0xCD9E8D57)
        x, y, z, w = (
            (second >> SHIFT) ^ y ^ np.uint64(keys[0]), second & WORD,
            (first >> SHIFT) ^ w ^ np.uint64(keys[1]), first & WORD,
        )  # fmt: skip
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack([x, y, z, w], axis=1)


def normal(shape, seed, stream, step=0, sample=0):
    """N(0, 1) by Box-Muller on pairs of words, float32."""
    count = int(np.prod(shape))
    pairs = blocks((count + 3) // 4, seed, stream, step, sample).reshape(-1, 2).astype(np.float64)
    radius = np.sqrt(-2 * np.log((pairs[:, 0] + 1) / 2**32))
    angle = 2 * np.pi * pairs[:, 1] / 2**32
    draws = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    return draws[:count].astype(np.float32).reshape(shape)
