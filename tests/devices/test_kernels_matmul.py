"""Kernels of the matrix product and of the transposed copy, on the emulated device: every rung
gives the generic forward's values.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.devices.source import Source, kernels_folder
from tinygrad_edu.engine.device import get_device, registry
from tinygrad_edu.engine.errors import KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulator needs g++")
FLOAT = [f"{r.number}{r.track}" for r in ladders["matmul"] if not r.pinned_only]
SHAPES = [
    ((1, 1), (1, 1)),
    ((1, 7), (7, 1)),
    ((37, 53), (53, 61)),
    ((130, 4), (4, 8)),
    ((132, 12), (12, 136)),
    ((64, 64), (64, 64)),
    ((3, 33, 5), (5, 31)),
    ((3, 20, 16), (3, 16, 24)),
    ((2, 1, 9, 8), (3, 8, 12)),
    ((8, 4), (2, 4, 4)),
    ((16,), (3, 16, 4)),
    ((2, 5, 4), (4,)),
    ((0, 4), (4, 4)),
    ((2, 3, 0), (2, 0, 4)),
]


def emu():
    return get_device("emu")


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def on_emu(op, rung, *arrays):
    """The op on emu with that rung; None if the rung refuses the arguments."""
    with tg.use_kernel(**{op: rung}):
        try:
            return emu().to_host(getattr(emu().F, op)(*arrays))
        except KernelError as error:
            if "must get arguments that the kernel takes" in str(error):
                return None
            raise


@pytest.mark.parametrize("rung", FLOAT)
def test_each_rung_equals_the_generic_forward(rung):
    pairs = [case.make("float32") for case in registry["matmul"].cases] + [
        [random(*s, seed=i) for i, s in enumerate(shapes)] for shapes in SHAPES
    ]
    taken = 0
    for a, b in pairs:
        out = on_emu("matmul", rung, emu().asarray(a), emu().asarray(b))
        if out is None:
            assert rung in ("6", "7") and (a.shape[-1] % 4 or b.shape[-1] % 4 or b.ndim == 1), (
                a.shape,
                b.shape,
            )
            continue
        taken += 1
        assert out.dtype == np.float32 and out.shape == (a @ b).shape
        np.testing.assert_allclose(
            out,
            a.astype("float64") @ b.astype("float64"),
            rtol=1e-5,
            atol=1e-5,
            err_msg=f"{a.shape} {b.shape}",
        )
    assert taken == len(pairs) if rung not in ("6", "7") else taken >= 8


@pytest.mark.parametrize("rung", FLOAT)
def test_views_are_multiplied_as_what_they_show(rung):
    whole = random(48, 36)
    moved = emu().asarray(whole)
    for view in (
        lambda x: (x.T, x),
        lambda x: (x, x.T),
        lambda x: (x[::2], x[:36, ::-1]),
        lambda x: (x[:, 4:8], x[8:12]),
    ):
        a, b = view(whole)
        np.testing.assert_allclose(
            on_emu("matmul", rung, *view(moved)), a @ b, rtol=1e-5, atol=1e-4
        )


@pytest.mark.parametrize("rung", FLOAT)
def test_a_nan_and_an_infinity_stay_in_their_rows_and_columns(rung):
    a, b = random(40, 8), random(8, 40, seed=1)
    a[3, 2], b[5, 7] = np.nan, np.inf
    np.testing.assert_array_equal(
        np.isfinite(on_emu("matmul", rung, emu().asarray(a), emu().asarray(b))), np.isfinite(a @ b)
    )


def test_the_ladder_takes_fours_where_they_fit_and_leaves_other_dtypes_to_the_generic_forward():
    top = {r.number: r for r in ladders["matmul"] if not r.pinned_only}

    def fits(rung, a, b):
        return top[rung].fits({"input": emu().asarray(a), "other": emu().asarray(b)})

    assert (
        fits(7, random(8, 4), random(4, 8))
        and not fits(7, random(8, 5), random(5, 8))
        and not fits(7, random(8, 4), random(4, 6))
    )
    skewed = emu().asarray(random(33))[1:].reshape(8, 4)  # starts 4 bytes after a multiple of 16
    assert not top[7].fits({"input": skewed, "other": emu().asarray(random(4, 8))}) and fits(
        5, random(8, 5), random(5, 8)
    )
    assert not fits(5, random(2, 3), random(4, 2)) and not fits(
        5, random(2, 3).astype("float64"), random(3, 2).astype("float64")
    )
    with pytest.raises(tg.ShapeError):
        tg.tensor(random(2, 3), device="emu") @ tg.tensor(random(4, 2), device="emu")


def test_gradients_on_the_device_equal_those_on_the_cpu():
    for shapes in (((6, 8), (8, 4)), ((2, 6, 8), (8, 4)), ((2, 6, 8), (2, 8, 4)), ((8,), (8, 5))):
        grads = []
        for device in ("cpu", "emu"):
            a, b = (
                tg.tensor(random(*s, seed=i), device=device, requires_grad=True)
                for i, s in enumerate(shapes)
            )
            ((a @ b) ** 2).sum().backward()
            grads.append((a.grad.cpu().numpy(), b.grad.cpu().numpy()))
        for mine, theirs in zip(*grads):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rung", [f"{r.number}{r.track}" for r in ladders["linear"]])
def test_each_linear_rung_equals_the_generic_forward(rung):
    calls = [case.make("float32") for case in registry["linear"].cases]
    calls += [
        [random(*s, seed=i) for i, s in enumerate(shapes)]
        for shapes in [
            ((37, 53), (61, 53), (61,)),
            ((130, 12), (136, 12), (136,)),
            ((2, 3, 8), (4, 8)),
            ((0, 4), (4, 4), (4,)),
            ((3, 0), (4, 0), (4,)),
            ((16,), (8, 16)),
        ]
    ]
    taken = 0
    for call in calls:
        out, (x, weight, *bias) = on_emu("linear", rung, *map(emu().asarray, call)), call
        if out is None:
            assert rung == "2" and (weight.shape[0] % 4 or weight.shape[1] % 4)
            continue
        taken += 1
        exact = x.astype("float64") @ weight.T + (bias[0] if bias else 0)
        assert out.dtype == np.float32 and out.shape == exact.shape
        np.testing.assert_allclose(
            out, exact, rtol=1e-5, atol=1e-5, err_msg=f"{[v.shape for v in call]}"
        )
    assert taken >= 4


# ---- the transposed copy -------------------------------------------------------------------------


COPIES = [f"{r.number}{r.track}" for r in ladders["clone_contiguous"]]
TURNS = [
    ((3, 5), (1, 0)),
    ((64, 32), (1, 0)),
    ((37, 70), (1, 0)),
    ((2, 1, 3), (2, 0, 1)),
    ((3, 33, 40), (0, 2, 1)),
    ((2, 3, 4, 5), (0, 2, 3, 1)),
    ((2, 3, 4, 5), (3, 0, 1, 2)),
]


@pytest.mark.parametrize("rung", COPIES)
@pytest.mark.parametrize("shape, order", TURNS)
def test_each_transposed_copy_is_row_major_and_equal(rung, shape, order):
    x = random(*shape)
    with tg.use_kernel(clone_contiguous=rung):
        out = emu().F.clone_contiguous(emu().asarray(x).transpose(order))
    assert out.flags.c_contiguous
    np.testing.assert_array_equal(emu().to_host(out), x.transpose(order))


def test_other_layouts_and_dtypes_are_copied_by_the_generic_forward():
    views = [
        lambda x: x[::2],
        lambda x: x[:, ::-1],
        lambda x: x.T[1:],
        lambda x: x.reshape(2, 2, 3, 2).transpose(0, 2, 1, 3),
    ]
    for view in views:
        np.testing.assert_array_equal(
            emu().to_host(emu().F.clone_contiguous(view(emu().asarray(random(4, 6))))),
            view(random(4, 6)),
        )
    whole = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(
        emu().to_host(emu().F.clone_contiguous(emu().asarray(whole).T)), whole.T
    )


def test_a_pinned_copy_refuses_what_is_no_transpose():
    with (
        tg.use_kernel(clone_contiguous=1),
        pytest.raises(KernelError, match="clone_contiguous_1_naive"),
    ):
        emu().F.clone_contiguous(emu().asarray(random(2, 3, 4)).transpose(1, 0, 2))


def test_contiguous_runs_the_kernel():
    x = tg.tensor(random(3, 5), device="emu", requires_grad=True)
    out = x.t().contiguous()
    out.sum().backward()
    assert (
        out.is_contiguous()
        and (out.detach().cpu().numpy() == random(3, 5).T).all()
        and (x.grad.cpu().numpy() == 1).all()
    )


# ---- bfloat16 ------------------------------------------------------------------------------------


BFLOAT16 = [f"{r.number}{r.track}" for r in ladders["matmul"] if r.pinned_only]


def bfloat16(x):
    """float32 rounded to the nearest bfloat16, ties to even, as float32."""
    b = x.view(np.uint32).astype(np.uint64)
    return ((b + 0x7FFF + (b >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("rung", BFLOAT16)
def test_bfloat16_rungs_equal_the_product_of_rounded_operands(rung):
    for i, shapes in enumerate(
        [
            ((1, 1), (1, 1)),
            ((37, 53), (53, 61)),
            ((130, 70), (70, 140)),
            ((2, 9, 40), (2, 40, 8)),
            ((2, 1, 5, 8), (3, 8, 12)),
            ((7, 3), (2, 3, 4)),
            ((5,), (5,)),
            ((2, 0), (0, 3)),
            ((20, 700), (700, 12)),
        ]
    ):
        a, b = (random(*s, seed=i) for s in shapes)
        out = on_emu("matmul", rung, emu().asarray(a), emu().asarray(b))
        exact = bfloat16(a).astype("float64") @ bfloat16(b).astype("float64")
        assert out.dtype == np.float32 and out.shape == exact.shape
        np.testing.assert_allclose(
            out, exact, rtol=1e-5, atol=1e-4 if a.shape[-1] > 100 else 2e-5, err_msg=f"{shapes}"
        )
        # each operand is off by 2^-9 at most
        generic = on_emu("matmul", 0, emu().asarray(a), emu().asarray(b))
        np.testing.assert_array_less(
            np.abs(out - generic), 2.0**-8 * 1.01 * (np.abs(a) @ np.abs(b)) + 1e-5
        )


def test_bfloat16_rungs_run_only_when_pinned():
    assert BFLOAT16 == ["8a", "8b", "9", "10"]
    a, b = random(8, 4), random(4, 8)
    np.testing.assert_array_equal(
        emu().to_host(emu().F.matmul(emu().asarray(a), emu().asarray(b))),
        on_emu("matmul", 7, emu().asarray(a), emu().asarray(b)),
    )


@pytest.mark.parametrize("rung", BFLOAT16)
def test_bfloat16_keeps_nan_and_infinity_where_they_belong(rung):
    a, b = random(40, 8), random(8, 40, seed=1)
    a[3, 2], b[5, 7] = np.nan, np.inf
    np.testing.assert_array_equal(
        np.isfinite(on_emu("matmul", rung, emu().asarray(a), emu().asarray(b))), np.isfinite(a @ b)
    )


# ---- what the emulator has for them --------------------------------------------------------------


NARROW = """
#include "common.cuh"
#include "ptx.cuh"
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>
using namespace nvcuda;

extern "C" __global__ void round_trip(float* a, float* b, const float* x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    a[i] = __half2float(__float2half(x[i]));
    b[i] = __bfloat162float(__float2bfloat16(x[i]));
}

extern "C" __global__ void axpy(__half* y, const __half* x, float factor, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = __float2half(factor) * x[i] + y[i];
}

extern "C" __global__ void product(float* out, const __half* a, const __half* b) {
    wmma::fragment<wmma::matrix_a, 32, 8, 16, half, wmma::col_major> from_a;
    wmma::fragment<wmma::matrix_b, 32, 8, 16, half, wmma::row_major> from_b;
    wmma::fragment<wmma::accumulator, 32, 8, 16, float> sum;
    wmma::load_matrix_sync(from_a, a, 32);
    wmma::load_matrix_sync(from_b, b, 8);
    wmma::fill_fragment(sum, 1.0f);
    wmma::mma_sync(sum, from_a, from_b, sum);
    wmma::store_matrix_sync(out, sum, 32, wmma::mem_col_major);
}

extern "C" __global__ void askew(const __half* a) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> from_a;
    wmma::load_matrix_sync(from_a, a + 8, 16);
}

extern "C" __global__ void hasty(float* out, const float* x, int wait) {
    __shared__ __align__(16) float tile[128];
    cp_async16(&tile[threadIdx.x * 4], x + threadIdx.x * 4);
    cp_async_commit();
    if (wait) cp_async_wait<0>();
    __syncthreads();
    for (int i = threadIdx.x; i < 128; i += 32) out[i] = tile[127 - i];
}

extern "C" __global__ void turned(unsigned* out, const float* x) {
    __shared__ __align__(16) float tile[128];
    for (int i = threadIdx.x; i < 128; i += 32) tile[i] = x[i];
    __syncwarp();
    unsigned straight[4], turned[4];
    ldmatrix_x4(straight, tile + threadIdx.x * 4);
    ldmatrix_x4_turned(turned, tile + threadIdx.x * 4);
    for (int i = 0; i < 4; ++i) {
        out[i * 32 + threadIdx.x] = straight[i];
        out[(i + 4) * 32 + threadIdx.x] = turned[i];
    }
}
"""


SOURCE = Source(NARROW, "narrow.cu", kernels_folder())


def narrow(name):
    return emu().kernel(SOURCE, name)


def test_half_and_bfloat16_round_as_they_should():
    x = np.concatenate(
        [
            random(500) * 10.0 ** np.arange(-9, 11).repeat(25).astype("f4"),
            [0, -0.0, np.inf, -np.inf, np.nan, 65504, 65520, 1 + 2.0**-8, 1 + 3 * 2.0**-8],
        ]
    ).astype(np.float32)
    a, b = emu().empty(x.shape, "float32"), emu().empty(x.shape, "float32")
    narrow("round_trip")(8, 128, (a, b, emu().asarray(x), x.size))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(emu().to_host(a), x.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(emu().to_host(b), np.where(np.isnan(x), x, bfloat16(x)))
    h, y = random(64).astype(np.float16), random(64, seed=1).astype(np.float16)
    out = emu().asarray(y)
    narrow("axpy")(2, 32, (out, emu().asarray(h), 0.5, 64))
    np.testing.assert_array_equal(emu().to_host(out), (np.float16(0.5) * h) + y)


def test_wmma_takes_half_other_tiles_and_columns_first_and_refuses_bad_addresses():
    a, b = random(32, 16).astype(np.float16), random(16, 8).astype(np.float16)
    out = emu().empty((8, 32), "float32")
    narrow("product")(1, 32, (out, emu().asarray(a.T.copy()), emu().asarray(b)))
    np.testing.assert_allclose(
        emu().to_host(out).T, 1 + a.astype("f4") @ b.astype("f4"), rtol=1e-5, atol=1e-5
    )
    with pytest.raises(
        KernelError, match="line 34: wmma must get an address that is a multiple of 32 bytes"
    ):
        narrow("askew")(1, 32, (emu().asarray(a),))


def test_a_copy_that_nobody_waited_for_shows(monkeypatch):
    monkeypatch.delenv("TINYGRAD_EDU_EMU", raising=False)  # the checker would end the launch
    x = emu().asarray(random(128))
    waited, hasty = emu().empty((128,), "float32"), emu().empty((128,), "float32")
    narrow("hasty")(1, 32, (waited, x, 1))
    narrow("hasty")(1, 32, (hasty, x, 0))
    np.testing.assert_array_equal(emu().to_host(waited), random(128)[::-1])
    assert np.isnan(emu().to_host(hasty)).all()


def test_ldmatrix_gives_each_lane_its_elements():
    x = np.arange(256, dtype=np.uint16)
    out = emu().empty((2, 4, 8, 4), "uint32")
    narrow("turned")(1, 32, (out, emu().asarray(x.view(np.float32))))
    matrices = x.reshape(4, 8, 8)
    pairs = emu().to_host(out).view(np.uint16).reshape(2, 4, 8, 8)
    np.testing.assert_array_equal(pairs[0], matrices)
    np.testing.assert_array_equal(pairs[1], matrices.transpose(0, 2, 1))
