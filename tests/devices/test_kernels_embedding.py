"""Every rung of the embedding's kernels, on the emulator: rows of a table taken, and gradients
added back to them.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.errors import IndexOutOfRange, KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulator needs g++")
rng = np.random.default_rng(0)
SIZES = [
    ((1,), 1, 1),
    ((7,), 5, 3),
    ((2, 3), 4, 4),
    ((130,), 9, 33),
    ((64,), 64, 128),
    ((2, 2, 2), 3, 130),
    ((300,), 2, 8),
    ((0,), 3, 4),
    ((4,), 3, 0),
    ((), 3, 4),
]


def rungs(op):
    return [pytest.param(f"{r.number}{r.track}", id=r.name) for r in ladders[op]]


def on_emu(op, rung, *args):
    emu = tg.device("emu")
    with tg.use_kernel(**{op: rung}):
        return emu.to_host(
            getattr(emu.F, op)(
                *(emu.asarray(a) if isinstance(a, (np.ndarray, np.int64)) else a for a in args)
            )
        )


@pytest.mark.parametrize("rung", rungs("take_rows"))
def test_rows_taken_by_every_rung_are_those_of_the_table(rung):
    taken = 0
    for shape, V, D in SIZES:
        index, weight = (
            np.asarray(rng.integers(0, V, shape)),
            rng.standard_normal((V, D), dtype=np.float32),
        )
        try:
            got = on_emu("take_rows", rung, index, weight)
        except KernelError as error:
            assert rung == "3" and D % 4, error
            continue
        assert got.shape == (*shape, D)
        assert (got == weight[index]).all()
        taken += 1
    assert taken >= 5
    wide = rng.standard_normal((6, 16), dtype=np.float32)
    index = rng.integers(0, 3, (8, 4))
    assert (
        on_emu("take_rows", rung, index[::2, ::3], wide[::2, 4:12])
        == wide[::2, 4:12][index[::2, ::3]]
    ).all()


@pytest.mark.parametrize("rung", rungs("take_rows"))
@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_index_outside_the_table_is_refused_before_the_launch(rung, wrong):
    with pytest.raises(IndexOutOfRange, match=r"embedding: index must be in \[0, 2\]"):
        on_emu("take_rows", rung, np.array([0, wrong]), np.zeros((3, 4), np.float32))


def test_float4_loads_need_an_aligned_table():
    emu = tg.device("emu")
    weight = rng.standard_normal(41, dtype=np.float32)
    table, index = emu.asarray(weight)[1:].reshape(10, 4), np.array([9, 0, 3])
    assert (
        emu.to_host(emu.F.take_rows(emu.asarray(index), table)) == weight[1:].reshape(10, 4)[index]
    ).all()
    with (
        tg.use_kernel(take_rows=3),
        pytest.raises(
            KernelError, match="take_rows_3_vectors: must get arguments that the kernel takes"
        ),
    ):
        emu.F.take_rows(emu.asarray(index), table)


@pytest.mark.parametrize("rung", rungs("embed_rows"))
def test_rows_added_by_every_rung_are_those_of_the_generic_forward(rung):
    for shape, V, D in SIZES:
        for indexes in (
            rng.integers(0, V, shape),
            np.full(shape, V - 1),
            rng.integers(0, V, shape) // 2,
        ):
            index, x = np.asarray(indexes), rng.standard_normal((*shape, D), dtype=np.float32)
            want = registry["embed_rows"].forward(np, x, index, (V, D))
            np.testing.assert_allclose(
                on_emu("embed_rows", rung, x, index, (V, D)), want, rtol=1e-5, atol=1e-5
            )


@pytest.mark.parametrize("rung", rungs("embed_rows"))
def test_nothing_is_written_outside_the_table(rung):
    x, index = np.ones((4, 3), np.float32), np.array([5, 1, -1, 1])
    assert on_emu("embed_rows", rung, x, index, (3, 3)).tolist() == [
        [0, 0, 0],
        [2, 2, 2],
        [0, 0, 0],
    ]


def test_segments_add_in_the_order_of_the_input():
    x = np.array([[1e8], [1.0], [-1e8], [1.0]], np.float32)  # another order gives another sum
    assert on_emu("embed_rows", 2, x, np.zeros(4, np.int64), (1, 1)).tolist() == [[1.0]]


@pytest.mark.parametrize("padding", [None, 2])
def test_an_embedding_on_the_emulator_has_the_gradient_of_the_cpu(padding):
    table, words, g = (
        rng.standard_normal((5, 8), dtype=np.float32),
        rng.integers(0, 5, (3, 7)),
        rng.standard_normal((3, 7, 8), dtype=np.float32),
    )

    def gradient(device):
        weight = tg.tensor(table, device=device).requires_grad_()
        tg.nn.functional.embedding(tg.tensor(words, device=device), weight, padding).backward(
            tg.tensor(g, device=device)
        )
        return weight.grad.cpu().numpy()

    np.testing.assert_allclose(gradient("emu"), gradient("cpu"), rtol=1e-5, atol=1e-5)
