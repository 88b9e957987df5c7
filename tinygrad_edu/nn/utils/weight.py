"""Weights made of other parameters at every call: weight_norm, spectral_norm."""

from __future__ import annotations

from typing import Any

from ... import functional as ops
from ... import linalg
from ...autograd import no_grad
from ...engine.border import public
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from .. import init
from ..module import Module
from ..parameter import Parameter


class MadeWeight:
    """A forward pre-hook that makes the attribute `name`.

    It holds settings, never the module: copies of a module make their own weight.
    """

    maker: str
    parts: tuple[str, ...]  # the module's parts that replace the weight

    def __init__(self, name: str, dim: int | None):
        self.name, self.dim = name, dim

    def make(self, module: Module, moving: bool = False) -> Tensor:
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        object.__setattr__(module, self.name, self.make(module, module.training))

    def take(self, module: Module) -> Parameter:
        """The parameter, removed from the module."""
        weight = module._parameters.get(self.name)
        if weight is None:
            raise ShapeError(
                f"{self.maker}: the module must have a parameter {self.name!r}, got one without. It"
                f" has {sorted(module._parameters)}."
            )
        del module._parameters[self.name]
        return weight


def norm_but(v: Tensor, dim: int | None) -> Tensor:
    """The norm of each slice along dim (of all, for None), kept as dims of size 1."""
    if dim is None:
        return ops.norm(v)
    if v.ndim == 1:  # the slices are numbers
        return ops.abs(v)
    return linalg.vector_norm(v, 2, tuple(d for d in range(v.ndim) if d != dim % v.ndim), True)


class WeightNorm(MadeWeight):
    maker, parts = "weight_norm", ("_g", "_v")

    def make(self, module: Module, moving: bool = False) -> Tensor:
        g, v = (getattr(module, self.name + part) for part in self.parts)
        return v * (g / norm_but(v, self.dim))


class SpectralNorm(MadeWeight):
    maker, parts = "spectral_norm", ("_orig", "_u", "_v")

    def __init__(self, name: str, dim: int, n_power_iterations: int, eps: float):
        super().__init__(name, dim)
        self.n_power_iterations, self.eps = n_power_iterations, eps

    def matrix(self, w: Tensor) -> Tensor:
        dim = self.dim or 0
        return ops.reshape(ops.movedim(w, dim, 0), (w.shape[dim], -1))

    def make(self, module: Module, moving: bool = False) -> Tensor:
        w, u, v = (getattr(module, self.name + part) for part in self.parts)
        flat = self.matrix(w)
        if moving:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v = ops.normalize(ops.mv(ops.transpose(flat, 0, 1), u), dim=0, eps=self.eps)
                    u = ops.normalize(ops.mv(flat, v), dim=0, eps=self.eps)
                getattr(module, self.name + "_u").copy_(u)
                getattr(module, self.name + "_v").copy_(v)
                # a second call must not change what the first one's backward needs
                u, v = u.clone(), v.clone()
        return w / ops.dot(u, ops.mv(flat, v))


def remove(module: Module, name: str, kind: type[MadeWeight]) -> Module:
    """One parameter again, made of the parts as they are now."""
    keys = [
        key
        for key, (hook, _) in module._forward_pre_hooks.items()
        if isinstance(hook, kind) and hook.name == name
    ]
    if not keys:
        raise ShapeError(
            f"remove_{kind.maker}: {kind.maker} must be on {name!r} of this module, got a module"
            " without it. Nothing to remove."
        )
    hook = module._forward_pre_hooks.pop(keys[0])[0]
    with no_grad():
        weight = hook.make(module)
    object.__delattr__(module, name)
    for part in hook.parts:
        delattr(module, name + part)
    module.register_parameter(name, Parameter(weight))
    return module


@public
def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn length and direction of a weight apart: parameters weight_g and weight_v instead of
    weight.

    Math:   weight = g v / |v|, the norm over every dim but `dim`
    Args:   dim: which dim keeps its own lengths; None or -1: one length for all
    Reference: T. Salimans, D. Kingma, 2016, "Weight normalization".
    """
    hook = WeightNorm(name, None if dim == -1 else dim)
    weight = hook.take(module).detach()
    module.register_parameter(name + "_g", Parameter(norm_but(weight, hook.dim)))
    module.register_parameter(name + "_v", Parameter(weight.clone()))
    object.__setattr__(module, name, hook.make(module))
    module.register_forward_pre_hook(hook)
    return module


@public
def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """One parameter again, of the present value."""
    return remove(module, name, WeightNorm)


@public
def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, which power iteration follows from call to
    call (in training).

    Math:   weight = W / (u^T W v), v = W^T u / |W^T u|, u = W v / |W v|
    Args:   dim: which dim of the weight counts as rows (default 1 for transposed convolutions, else
            0)
    Reference: T. Miyato et al., 2018, "Spectral normalization for generative adversarial networks".
    """
    if n_power_iterations < 1:
        raise ShapeError(
            f"spectral_norm: n_power_iterations must be at least 1, got {n_power_iterations}."
            " Without one, u and v stay random."
        )
    hook = SpectralNorm(
        name,
        dim if dim is not None else 1 if "Transpose" in type(module).__name__ else 0,
        n_power_iterations,
        eps,
    )
    weight = hook.take(module)
    module.register_parameter(name + "_orig", weight)
    start = hook.matrix(weight.detach())
    for suffix, size in (("_u", start.shape[0]), ("_v", start.shape[1])):
        vector = init.normal_(ops.empty(size, dtype=weight.dtype, device=weight.device))
        module.register_buffer(name + suffix, ops.normalize(vector, dim=0, eps=eps))
    # a leaf until the first call, so that the module can be copied
    object.__setattr__(module, name, weight.detach())
    module.register_forward_pre_hook(hook)
    return module


@public
def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """One parameter again, of the present (normalised) value."""
    return remove(module, name, SpectralNorm)
