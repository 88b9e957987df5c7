"""Solutions of chapter 05: convolution as a product of matrices."""

from __future__ import annotations

import numpy as np


def output_size(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1


def unfold(x, K):
    H, W = x.shape
    rows = []
    for i in range(H - K + 1):
        for j in range(W - K + 1):
            rows.append(x[i : i + K, j : j + K].ravel())
    return np.array(rows)


def fold(g, H, W, K):
    out, n = np.zeros((H, W)), 0
    for i in range(H - K + 1):
        for j in range(W - K + 1):
            out[i : i + K, j : j + K] += g[n].reshape(K, K)  # a pixel of several pieces: add
            n += 1
    return out
