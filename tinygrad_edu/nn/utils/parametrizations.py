"""Ready-made parametrizations: orthogonal matrices, weight and spectral normalization."""

from __future__ import annotations

from typing import Any

from ... import functional as ops
from ... import linalg
from ...autograd import no_grad
from ...engine.border import public
from ...engine.errors import IndexOutOfRange, ShapeError
from ...engine.limits import finfo
from ...engine.tensor import Tensor
from .. import functional as F
from .. import init
from ..module import Module
from .parametrize import register_parametrization
from .weight import norm_but

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def tensor_of(maker: str, module: Module, name: str) -> Tensor:
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        raise ShapeError(
            f"{maker}: the module must have a parameter or buffer {name!r}, got a"
            f" {type(module).__name__} without. It has {[*module._parameters, *module._buffers]}."
        )
    return tensor


# ---- weight normalization ----


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def norm(self, v: Tensor) -> Tensor:
        return norm_but(v, None if self.dim == -1 else self.dim)

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return v * (g / self.norm(v))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self.norm(weight), weight


@public
def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn length (original0) and direction (original1) of a weight apart.

    Math:   weight = g v / |v|, the norm over every dim but `dim`
    Args:   dim: which dim keeps its own lengths; None or -1: one length for all
    Note:   a state dict of `nn.utils.weight_norm` (weight_g, weight_v) can be loaded.
    Reference: T. Salimans, D. Kingma, 2016, "Weight normalization".
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(_OldNames(name))
    return module


class _OldNames:
    """A hook that reads the names of `nn.utils.weight_norm` in a state dict."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, module: Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{self.name}{end}" for end in ("_g", "_v")]
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{self.name}.original{i}"] = state.pop(key)


# ---- spectral normalization ----


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float):
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexOutOfRange(
                f"spectral_norm: dim must be in [{-weight.ndim}, {weight.ndim - 1}], got {dim}."
                " Count dims from 0, or back from -1."
            )
        if n_power_iterations < 1:
            raise ShapeError(
                f"spectral_norm: n_power_iterations must be at least 1, got {n_power_iterations}."
                " Without one, u and v stay as they are."
            )
        self.dim, self.eps, self.n_power_iterations = dim % weight.ndim, eps, n_power_iterations
        if weight.ndim > 1:
            matrix = self.matrix(weight.detach())
            for name, size in zip(("_u", "_v"), matrix.shape):
                start = init.normal_(ops.empty(size, dtype=weight.dtype, device=weight.device))
                self.register_buffer(name, F.normalize(start, dim=0, eps=eps))
            self.iterate(matrix, 15)

    def matrix(self, weight: Tensor) -> Tensor:
        return ops.reshape(ops.movedim(weight, self.dim, 0), (weight.shape[self.dim], -1))

    def iterate(self, matrix: Tensor, n: int) -> None:
        """Turn _u and _v towards the singular vectors of the largest singular value."""
        with no_grad():
            for _ in range(n):
                u = F.normalize(ops.mv(matrix, self._v), dim=0, eps=self.eps)
                v = F.normalize(ops.mv(ops.transpose(matrix, 0, 1), u), dim=0, eps=self.eps)
                self._u.copy_(u)
                self._v.copy_(v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self.matrix(weight)
        if self.training:
            self.iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # a later call must not change these for backward
        return weight / ops.dot(u, ops.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


@public
def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, followed by power iteration in training.

    Math:   weight = W / (uᵀ W v), u = W v / |W v|, v = Wᵀ u / |Wᵀ u|
    Args:   n_power_iterations: at every reading in training; eps: least norm to divide by; dim:
            which dim of the weight counts as rows (default 1 for transposed convolutions, else 0)
    Reference: T. Miyato et al., 2018, "Spectral normalization for generative adversarial networks".
    """
    weight = tensor_of("spectral_norm", module, name)
    if dim is None:
        dim = 1 if "ConvTranspose" in type(module).__name__ else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)


# ---- orthogonal matrices ----


def with_orthonormal_columns(tall: Tensor) -> Tensor:
    """The Q of tall = Q R with a positive diagonal of R."""
    q, r = linalg.qr(tall)
    return q * ops.unsqueeze(ops.sgn(ops.diagonal(r, 0, -2, -1)), -2)


def is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    identity = ops.eye(k, dtype=q.dtype, device=q.device)
    gram = ops.matmul(ops.transpose(q, -1, -2), q)
    return bool(ops.allclose(gram, identity, atol=10.0 * n * finfo(q.dtype).eps))


def householder_product(v: Tensor, tau: Tensor) -> Tensor:
    """The first k columns of H_1 … H_k, H_i = I − tau_i v_i v_iᵀ; v_i is 0 above row i, 1 there."""
    n, k = v.shape[-2:]
    identity = ops.eye(n, k, dtype=v.dtype, device=v.device)
    v = ops.tril(v, -1) + identity  # (..., n, k)
    q = identity
    for i in reversed(range(k)):
        column = v[..., i : i + 1]  # (..., n, 1)
        along = ops.matmul(ops.transpose(column, -1, -2), q)  # (..., 1, k)
        q = q - tau[..., i : i + 1, None] * ops.matmul(column, along)
    return q


def householder_vectors(q: Tensor) -> Tensor:
    """The v_i of `householder_product` below the diagonal, on it the signs that give back q."""
    a = q.clone()
    for i in range(a.shape[-1]):
        head, tail = a[..., i, i].clone(), a[..., i + 1 :, i].clone()
        size = ops.sum(tail * tail, -1)
        reflects = size > 0
        end = ops.where(head < 0, 1.0, -1.0) * ops.sqrt(head * head + size)
        end = ops.where(reflects, end, head)
        divisor = ops.where(reflects, head - end, ops.ones_like(head))
        v = ops.unsqueeze(tail / ops.unsqueeze(divisor, -1), -1)  # (..., n - i - 1, 1)
        tau = ops.where(reflects, (end - head) / end, ops.zeros_like(end))
        rows = a[..., i:, i + 1 :].clone()
        one = ops.ones(*head.shape, 1, 1, dtype=a.dtype, device=a.device)
        column = ops.cat([one, v], -2)  # (..., n - i, 1)
        along = ops.matmul(ops.transpose(column, -1, -2), rows)  # (..., 1, k - i - 1)
        a[..., i:, i + 1 :] = rows - tau[..., None, None] * ops.matmul(column, along)
        a[..., i + 1 :, i] = v[..., 0]
        # without a reflection forward still makes one (tau = 2): its sign is turned
        a[..., i, i] = ops.where(reflects, ops.sgn(end), -ops.sgn(end))
    return a


class _Orthogonal(Module):
    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool):
        super().__init__()
        self.shape, self.orthogonal_map = weight.shape, orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        tall = ops.transpose(X, -1, -2) if wide else X  # (..., n, k), n ≥ k
        q = self.reflected(tall) if self.orthogonal_map == "householder" else self.turned(tall)
        if self.use_trivialization:
            q = ops.matmul(self.base, q)
        return ops.transpose(q, -1, -2) if wide else q

    def reflected(self, x: Tensor) -> Tensor:
        """A product of reflections along the columns below the diagonal."""
        v = ops.tril(x, -1)
        tau = 2.0 / (1.0 + ops.sum(v * v, -2))  # (..., k)
        signs = ops.trunc(ops.diagonal(x.detach(), 0, -2, -1))  # 1 or -1: not learnt
        return householder_product(v, tau) * ops.unsqueeze(signs, -2)

    def turned(self, x: Tensor) -> Tensor:
        """The exponential or the Cayley map of the skew-symmetric matrix made of x."""
        n, k = x.shape[-2:]
        x = F.pad(ops.tril(x), (0, n - k))  # (..., n, n)
        skew = x - ops.transpose(x, -1, -2)
        if self.orthogonal_map == "matrix_exp":
            q = ops.matrix_exp(skew)
        else:
            identity = ops.eye(n, dtype=x.dtype, device=x.device)
            q = linalg.solve(identity - skew / 2, identity + skew / 2)
        return q[..., :k]

    def right_inverse(self, value: Tensor) -> Tensor:
        if tuple(value.shape) != tuple(self.shape):
            raise ShapeError(
                f"orthogonal: the value must have shape {tuple(self.shape)}, got"
                f" {tuple(value.shape)}. Assign a tensor of the weight's shape."
            )
        wide = value.shape[-2] < value.shape[-1]
        q = ops.transpose(value, -1, -2) if wide else value
        n, k = q.shape[-2:]
        if not self.use_trivialization:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    f"orthogonal: {self.orthogonal_map} needs use_trivialization=True for values"
                    " to be assigned, got False. Use orthogonal_map='householder', or True."
                )
            q = householder_vectors(q)
            return ops.transpose(q, -1, -2) if wide else q
        if n > k:  # complete it with random columns
            more = ops.randn(*q.shape[:-1], n - k, dtype=q.dtype, device=q.device)
            q = with_orthonormal_columns(ops.cat([q, more], -1))
        else:
            q = q.clone() if is_orthogonal(q) else with_orthonormal_columns(q)
        self.base = q
        start = -ops.eye(*value.shape[-2:], dtype=value.dtype, device=value.device)
        return ops.expand(start, value.shape).clone()  # forward makes the identity of it


@public
def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a matrix, or a batch of them, orthogonal: its columns (of a wide one its rows) have
    length 1 and stand at right angles.

    Args:   orthogonal_map: "matrix_exp" (default for square matrices), "cayley" or "householder"
            (default for others). use_trivialization: start from the present weight, made
            orthogonal, which is kept as a buffer `base`.
    Reference: M. Lezcano-Casado, 2019, "Trivializations for gradient-based optimization on
               manifolds".
    """
    weight = tensor_of("orthogonal", module, name)
    if weight.ndim < 2:
        raise ShapeError(
            f"orthogonal: the weight must be a matrix or a batch of them, got shape"
            f" {tuple(weight.shape)}. Choose another tensor."
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ShapeError(
            "orthogonal: orthogonal_map must be 'matrix_exp', 'cayley' or 'householder', got"
            f" {orthogonal_map!r}. Use one of these."
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
