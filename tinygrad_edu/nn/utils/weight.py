"""Weights made of other parameters at every call: weight_norm, spectral_norm."""
from __future__ import annotations

from typing import Any

from ... import functional as ops
from ...autograd import no_grad
from ...base.errors import ShapeError
from ...core.tensor import Tensor
from .. import init
from ..module import Module
from ..parameter import Parameter


def taken(module: Module, name: str, maker: str) -> Parameter:
    """The parameter `name`, removed from the module."""
    weight = module._parameters.get(name)
    if weight is None:
        raise ShapeError(f"{maker}: the module must have a parameter {name!r}, got one without. It has {sorted(module._parameters)}.")
    del module._parameters[name]
    return weight


def install(module: Module, name: str, kind: str, make: Any) -> Module:
    """Before each call (and now) the attribute `name` becomes make()."""
    def renew(module: Module, inputs: Any) -> None:
        object.__setattr__(module, name, make())

    handle = module.register_forward_pre_hook(renew)
    module.__dict__.setdefault("_made_weights", {})[kind, name] = handle
    renew(module, ())
    return module


def removed(module: Module, name: str, kind: str, maker: str) -> Tensor:
    """The made weight as it is now, its hook gone."""
    handle = module.__dict__.get("_made_weights", {}).pop((kind, name), None)
    if handle is None:
        raise ShapeError(f"{maker}: {kind} must be on {name!r} of this module, got a module without it. Nothing to remove.")
    handle.remove()
    weight = getattr(module, name)
    object.__delattr__(module, name)
    return weight.detach()


def norm_but(v: Tensor, dim: int | None) -> Tensor:
    """The norm of each slice along dim (of all, for None), kept as dims of size 1."""
    if dim is None:
        return ops.norm(v)
    return ops.linalg_vector_norm(v, 2, tuple(d for d in range(v.ndim) if d != dim % v.ndim), True)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn length and direction of a weight apart: parameters weight_g and weight_v instead of weight.

    Math:   weight = g v / |v|, the norm over every dim but `dim`
    Reference: T. Salimans, D. Kingma, 2016, "Weight normalization".
    """
    weight = taken(module, name, "weight_norm").detach()
    module.register_parameter(name + "_g", Parameter(norm_but(weight, dim)))
    module.register_parameter(name + "_v", Parameter(weight.clone()))

    def make() -> Tensor:
        v = getattr(module, name + "_v")
        return v * (getattr(module, name + "_g") / norm_but(v, dim))

    return install(module, name, "weight_norm", make)


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """One parameter again, of the present value."""
    weight = removed(module, name, "weight_norm", "remove_weight_norm")
    del module._parameters[name + "_g"], module._parameters[name + "_v"]
    module.register_parameter(name, Parameter(weight))
    return module


def spectral_norm(module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None) -> Module:
    """Divide a weight by its largest singular value, which power iteration follows from call to call (in training).

    Math:   weight = W / (u^T W v), v = W^T u / |W^T u|, u = W v / |W v|
    Args:   dim: which dim of the weight counts as rows (default 1 for transposed convolutions, else 0)
    Reference: T. Miyato et al., 2018, "Spectral normalization for generative adversarial networks".
    """
    weight = taken(module, name, "spectral_norm")
    rows = dim if dim is not None else 1 if "Transpose" in type(module).__name__ else 0
    module.register_parameter(name + "_orig", weight)

    def matrix(w: Tensor) -> Tensor:
        return ops.reshape(ops.movedim(w, rows, 0), (w.shape[rows], -1))

    start = matrix(weight.detach())
    for suffix, size in (("_u", start.shape[0]), ("_v", start.shape[1])):
        vector = init.normal_(ops.empty(size, dtype=weight.dtype, device=weight.device))
        module.register_buffer(name + suffix, ops.normalize(vector, dim=0, eps=eps))

    def make() -> Tensor:
        w, u, v = (getattr(module, name + suffix) for suffix in ("_orig", "_u", "_v"))
        flat = matrix(w)
        if module.training:
            with no_grad():
                for _ in range(n_power_iterations):
                    v = ops.normalize(ops.mv(ops.transpose(flat, 0, 1), u), dim=0, eps=eps)
                    u = ops.normalize(ops.mv(flat, v), dim=0, eps=eps)
                getattr(module, name + "_u").copy_(u)
                getattr(module, name + "_v").copy_(v)
                u, v = u.clone(), v.clone()
        return w / ops.dot(u, ops.mv(flat, v))

    return install(module, name, "spectral_norm", make)


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """One parameter again, of the present (normalised) value."""
    weight = removed(module, name, "spectral_norm", "remove_spectral_norm")
    del module._parameters[name + "_orig"], module._buffers[name + "_u"], module._buffers[name + "_v"]
    module.register_parameter(name, Parameter(weight))
    return module
