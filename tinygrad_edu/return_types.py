"""Named tuples that ops with several results return, under the names of `torch.return_types`."""

from __future__ import annotations

from typing import Any, NamedTuple

from .engine.tensor import Tensor


def shown(self: Any) -> str:
    """One result a line, as PyTorch prints them."""
    rows = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
    return f"{__name__}.{type(self).__name__}(\n{rows})"


class Chosen(NamedTuple):
    """Elements, and the index of each along the dim they were chosen from."""

    values: Tensor
    indices: Tensor
    __repr__ = shown


class cummax(Chosen): ...


class cummin(Chosen): ...


class kthvalue(Chosen): ...


class max(Chosen): ...


class median(Chosen): ...


class min(Chosen): ...


class mode(Chosen): ...


class nanmedian(Chosen): ...


class sort(Chosen): ...


class topk(Chosen): ...


class aminmax(NamedTuple):
    min: Tensor
    max: Tensor
    __repr__ = shown


class histogram(NamedTuple):
    hist: Tensor
    bin_edges: Tensor
    __repr__ = shown


class linalg_cholesky_ex(NamedTuple):
    L: Tensor
    info: Tensor
    __repr__ = shown


class linalg_eigh(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor
    __repr__ = shown


class linalg_inv_ex(NamedTuple):
    inverse: Tensor
    info: Tensor
    __repr__ = shown


class linalg_lstsq(NamedTuple):
    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor
    __repr__ = shown


class linalg_qr(NamedTuple):
    Q: Tensor
    R: Tensor
    __repr__ = shown


class linalg_slogdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor
    __repr__ = shown


class linalg_solve_ex(NamedTuple):
    result: Tensor
    info: Tensor
    __repr__ = shown


class linalg_svd(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor
    __repr__ = shown


class qr(NamedTuple):
    Q: Tensor
    R: Tensor
    __repr__ = shown


class svd(NamedTuple):
    U: Tensor
    S: Tensor
    V: Tensor
    __repr__ = shown
