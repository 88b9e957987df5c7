"""The heart of the suite: every op of the registry, over its cases: gradients of two orders against
finite differences, values, gradients and dtypes against PyTorch (where installed), memory layouts,
and what is kept.
"""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from support.ops import (
    ALWAYS_FLOAT64,
    CASES,
    OPS,
    PIECES,
    RANDOM,
    call_with,
    differentiable,
    function,
    leaves,
    outputs,
    tensors,
    to_torch,
    torch_function,
)

import tinygrad_edu as tg
from tinygrad_edu.autograd import gradcheck, gradgradcheck
from tinygrad_edu.engine.graph import Output
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.tensor import Tensor

# Pieces of formulas and of composites: they have no public meaning, and the ops that use them test
# them.
INTERNAL = PIECES


@pytest.mark.parametrize("name", sorted(set(OPS) - INTERNAL))
def test_every_public_op_has_cases_and_documentation(name):
    assert OPS[name].cases, f"{name} has no cases"
    assert OPS[name].doc, f"{name} has no docstring"


@pytest.mark.parametrize(("name", "case"), CASES)
def test_first_order_gradients_agree_with_finite_differences(name, case):
    args = tensors(case.make())
    if not differentiable(name, case, args):
        pytest.skip("no gradient to check")
    assert gradcheck(call_with(name, case, args), leaves(args))


@pytest.mark.parametrize(("name", "case"), CASES)
def test_second_order_gradients_agree_with_finite_differences(name, case):
    args = tensors(case.make())
    if (
        not case.second
        or not differentiable(name, case, args)
        or sum(x.numel() for x in leaves(args)) > 260
    ):
        pytest.skip("no second order to check")
    assert gradgradcheck(call_with(name, case, args), leaves(args))


@pytest.mark.parametrize(("name", "case"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_have_the_shape_and_dtype_of_their_inputs(name, case, dtype):
    args = tensors(case.make(dtype))
    if not differentiable(name, case, args):
        pytest.skip("no gradient to check")
    xs = leaves(args)
    out = [o for o in outputs(call_with(name, case, args)(*xs)) if o.requires_grad]
    assert all(o.dtype is getattr(tg, "float64" if name in ALWAYS_FLOAT64 else dtype) for o in out)
    sum(o.sum() for o in out).backward()
    for x in xs:
        if x.requires_grad and x.grad is not None:
            assert x.grad.shape == x.shape
            assert x.grad.dtype is x.dtype


# whose meaning is the memory layout
@pytest.mark.parametrize(
    ("name", "case"), [c for c in CASES if c.values[0] not in ("as_strided", "view", "view_as")]
)
def test_forward_leaves_its_inputs_alone_and_takes_any_memory_layout(name, case):
    values = case.make()
    tg.manual_seed(0)
    plain = outputs(function(name)(*tensors(values, grad=False), **case.attrs))

    def awkward(v):
        if isinstance(v, tuple) and v and isinstance(v[0], np.ndarray):
            return tuple(awkward(a) for a in v)
        if not isinstance(v, np.ndarray):
            return v
        big = np.zeros(tuple(2 * n for n in v.shape), v.dtype)
        view = big[tuple(slice(None, None, 2) for _ in v.shape)] if v.ndim else big
        view[...] = v
        view.flags.writeable = False
        return Tensor(view, tg.device("cpu"))

    tg.manual_seed(0)
    strided = outputs(function(name)(*map(awkward, values), **case.attrs))
    for a, b in zip(plain, strided):
        if isinstance(a, Tensor):
            np.testing.assert_allclose(a.array, b.array, rtol=1e-12, atol=1e-12)
            assert a.shape == b.shape
        else:
            assert a == b


@pytest.mark.parametrize(
    "name", sorted(n for n, op in OPS.items() if isinstance(op, Op) and op.differentiable)
)
def test_only_the_values_that_a_formula_names_are_kept(name):
    op = OPS[name]
    for case in op.cases:
        args = tensors(case.make())
        if not differentiable(name, case, args):
            continue
        out = outputs(function(name)(*args, **case.attrs))
        node = next((o.node for o in out if isinstance(o, Tensor) and o.node is not None), None)
        node = node.edges[0] if type(node) is Output else node
        if node is None or node.op is not op:
            continue
        for edge, names, kept in zip(node.edges, op.kept_names, node.kept):
            assert kept is None or len(kept) == len(names)
            assert kept is None or edge is not None or op.joint or op.reference


# ---- parity with PyTorch -------------------------------------------------------------------------

TORCH_NAMES = {
    "getitem": None,
    "index_tensor": None,
    "conv": None,
    "copy": None,
    "unfold": "unfold_copy",
    "im2col": "unfold",
}
NO_PARITY = {name for name, target in TORCH_NAMES.items() if target is None}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        c
        for c in CASES
        if c.values[0] not in NO_PARITY | RANDOM
        and c.values[1].torch
        and c.values[0] not in INTERNAL
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_gradients_and_dtypes_equal_pytorchs(name, case, dtype):
    torch = pytest.importorskip("torch")
    theirs_function = torch_function(torch, name)
    assert theirs_function is not None, f"PyTorch has no {name}: mark the cases torch=False"
    values = case.make(dtype)
    ours_args, their_args = tensors(values), [to_torch(torch, v) for v in values]
    ours = outputs(function(name)(*ours_args, **case.attrs))
    try:
        theirs = outputs(theirs_function(*their_args, **case.attrs))
    except (
        RuntimeError
    ) as error:  # PyTorch takes some arguments (weights of losses) only without gradients
        assert "is not differentiable with respect to argument" in str(error)
        their_args = [to_torch(torch, v, grad=i == 0) for i, v in enumerate(values)]
        theirs = outputs(theirs_function(*their_args, **case.attrs))
    assert len(ours) == len(theirs)
    tolerance = case.rtol or (1e-9 if dtype == "float64" else 2e-4)
    cotangents = []
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for a, b in zip(ours, theirs):
        if not isinstance(a, Tensor):
            assert a == b
            continue
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype).split(".")[-1] == str(b.dtype).split(".")[-1]
        np.testing.assert_allclose(a.array, b.detach().numpy(), rtol=tolerance, atol=tolerance)
        assert a.requires_grad == b.requires_grad or not case.grad
        cotangents.append(rng.uniform(0.5, 1.5, a.shape).astype(dtype))
    if not differentiable(name, case, ours_args):
        return
    pairs = [
        (a, b, g)
        for a, b, g in zip(ours, theirs, cotangents)
        if isinstance(a, Tensor) and a.requires_grad and b.requires_grad
    ]
    sum((a * tg.tensor(g)).sum() for a, _, g in pairs).backward()
    sum((b * torch.tensor(g)).sum() for _, b, g in pairs).backward()
    flat_theirs = [
        t
        for a in their_args
        for t in (a if isinstance(a, tuple) else (a,))
        if isinstance(t, torch.Tensor)
    ]
    for x, y in zip(leaves(ours_args), flat_theirs):
        if y.grad is not None:
            np.testing.assert_allclose(
                np.zeros(x.shape) if x.grad is None else x.grad.array,
                y.grad.numpy(force=True),
                rtol=tolerance,
                atol=tolerance,
            )


def test_embedding_gives_the_padding_row_no_gradient():
    weight = tg.randn(5, 2, dtype=tg.float64).requires_grad_()
    tg.functional.embedding(tg.tensor([0, 3, 0, 3]), weight, padding_idx=0).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [0, 0], [0, 0], [2, 2], [0, 0]]
