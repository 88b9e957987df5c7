"""CUB's primitives of a block and of a warp, on the emulator."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import RawKernel

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")


def values(body, n, threads):
    text = (
        "#include <cub/cub.cuh>\n__global__ void f(int* y, const int* x, int n) {\n"
        f"int i = threadIdx.x;\n{body}\n}}"
    )
    x = np.random.default_rng(0).integers(-50, 50, n).astype(np.int32)
    y = tg.zeros(n, dtype=tg.int32).to("emu")
    with tg.profile(flops=False) as p:
        RawKernel(text, "f")((1,), (threads,), (y, tg.tensor(x).to("emu"), n))
    p.check()
    return y.cpu().numpy(), x


def test_a_block_reduces_values_of_valid_threads():
    y, x = values(
        """
        typedef cub::BlockReduce<int, 96> Reduce; __shared__ typename Reduce::TempStorage temp;
        int sum = Reduce(temp).Sum(x[i]);
        __syncthreads();
        int most = Reduce(temp).Reduce(x[i], cub::Max(), 50);
        if (i == 0) y[0] = sum, y[1] = most;
        """,
        96,
        96,
    )
    assert y[:2].tolist() == [x.sum(), x[:50].max()]


def test_a_block_scans_single_values_and_runs():
    y, x = values(
        """
        typedef cub::BlockScan<int, 64> Scan; typedef cub::BlockLoad<int, 64, 2> Load;
        typedef cub::BlockStore<int, 64, 2> Store;
        __shared__ typename Scan::TempStorage temp;
        int v[2]; Load().Load(x, v);
        Scan(temp).InclusiveSum(v, v);
        Store().Store(y, v, n - 1);
        """,
        128,
        64,
    )
    assert y.tolist() == [*np.cumsum(x)[:-1].tolist(), 0]


def test_exclusive_scan_tells_the_total():
    y, x = values(
        """
        typedef cub::BlockScan<int, 64> Scan; __shared__ Scan::TempStorage temp; int all, to;
        Scan(temp).ExclusiveSum(x[i], to, all);
        y[i] = to + (i == 63 ? 1000 * all : 0);
        """,
        64,
        64,
    )
    wanted = np.cumsum(x) - x
    wanted[63] += 1000 * x.sum()
    assert y.tolist() == wanted.tolist()


def test_warps_reduce_and_scan():
    y, x = values(
        """
        __shared__ typename cub::WarpReduce<int>::TempStorage a[2];
        __shared__ typename cub::WarpScan<int>::TempStorage b[2];
        int sum = cub::WarpReduce<int>(a[i / 32]).Sum(x[i]), to;
        cub::WarpScan<int>(b[i / 32]).ExclusiveSum(x[i], to);
        y[i] = i % 32 ? to : sum;
        """,
        64,
        64,
    )
    rows = x.reshape(2, 32)
    wanted = np.cumsum(rows, 1) - rows
    wanted[:, 0] = rows.sum(1)
    assert y.tolist() == wanted.ravel().tolist()
