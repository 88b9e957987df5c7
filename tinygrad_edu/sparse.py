"""Sparse tensors' names. Tensors here are dense: what would be sparse holds its zeros too, has the
same values, and says so once.
"""

from __future__ import annotations

from typing import Any

from . import functional as F
from .engine.tensor import Tensor, as_tensor
from .left_out import explain_missing as _explain_missing
from .notes import say_once

SAID = (
    "sparse tensors: tensors here are dense, so this one holds its zeros too; values are the same."
)


def sparse_coo_tensor(
    indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **kwargs: Any,
) -> Tensor:
    """The dense tensor with `values` at `indices` and 0 elsewhere; values at one place add up.

    Shape: indices (dims, n), values (n,) or (n, *rest); the result `size`, by default the least
        that holds all indices.
    """
    say_once(SAID)
    at = as_tensor(indices).long()
    filled = as_tensor(values, dtype=dtype, device=device)
    if size is None:
        size = (*((at.max(1).values + 1).tolist()), *filled.shape[1:])
    out = F.zeros(size, dtype=filled.dtype, device=filled.device)
    out = out.index_put(tuple(at), filled, accumulate=True)
    return out.requires_grad_() if requires_grad else out


def mm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """The matrix product."""
    return F.mm(mat1, mat2)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta mat + alpha (mat1 @ mat2)."""
    return F.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:  # noqa: A001  # PyTorch's name
    """The sum along dims."""
    return F.sum(input, dim, dtype=dtype) if dim is not None else F.sum(input)


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Not here: of a sparse tensor it leaves the zeros out, and a dense one does not know them."""
    raise NotImplementedError(
        "sparse.softmax: needs to know which zeros are left out, got a dense tensor. Put -inf there"
        " and use softmax."
    )


def to_sparse(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor itself, dense."""
    say_once(SAID)
    return self


def itself(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor itself, dense."""
    return self


spmm = mm
Tensor.to_sparse = Tensor.to_sparse_csr = to_sparse  # type: ignore[assignment, method-assign]
Tensor.to_dense = Tensor.coalesce = itself  # type: ignore[assignment, method-assign]

_explain_missing(__name__)
