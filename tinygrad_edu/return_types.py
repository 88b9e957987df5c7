"""Named tuples that ops with several results return, under the names of `torch.return_types`."""

from __future__ import annotations

from typing import NamedTuple

from .engine.tensor import Tensor


class Chosen(NamedTuple):
    """Elements, and the index of each along the dim they were chosen from."""

    values: Tensor
    indices: Tensor


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


class histogram(NamedTuple):
    hist: Tensor
    bin_edges: Tensor


class linalg_cholesky_ex(NamedTuple):
    L: Tensor
    info: Tensor


class linalg_eigh(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class linalg_inv_ex(NamedTuple):
    inverse: Tensor
    info: Tensor


class linalg_lstsq(NamedTuple):
    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


class linalg_qr(NamedTuple):
    Q: Tensor
    R: Tensor


class linalg_slogdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


class linalg_solve_ex(NamedTuple):
    result: Tensor
    info: Tensor


class linalg_svd(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


class qr(NamedTuple):
    Q: Tensor
    R: Tensor


class svd(NamedTuple):
    U: Tensor
    S: Tensor
    V: Tensor
