"""Named tuples that ops with several results return, under the names of `torch.return_types`."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from .engine.tensor import Tensor

Results = TypeVar("Results", bound=tuple)


def shown(self: Any) -> str:
    """One result a line, as PyTorch prints them."""
    rows = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
    return f"{__name__}.{type(self).__name__}(\n{rows})"


def by_line(cls: type[Results]) -> type[Results]:
    """Let a class of named tuples print one result a line."""
    cls.__repr__ = shown  # type: ignore[method-assign]  # a function of any named tuple
    return cls


@by_line
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


@by_line
class aminmax(NamedTuple):
    min: Tensor
    max: Tensor


@by_line
class histogram(NamedTuple):
    hist: Tensor
    bin_edges: Tensor


@by_line
class linalg_cholesky_ex(NamedTuple):
    L: Tensor
    info: Tensor


@by_line
class linalg_eigh(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


@by_line
class linalg_inv_ex(NamedTuple):
    inverse: Tensor
    info: Tensor


@by_line
class linalg_lstsq(NamedTuple):
    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


@by_line
class linalg_qr(NamedTuple):
    Q: Tensor
    R: Tensor


@by_line
class linalg_slogdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


@by_line
class linalg_solve_ex(NamedTuple):
    result: Tensor
    info: Tensor


@by_line
class linalg_svd(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


@by_line
class qr(NamedTuple):
    Q: Tensor
    R: Tensor


@by_line
class svd(NamedTuple):
    U: Tensor
    S: Tensor
    V: Tensor
