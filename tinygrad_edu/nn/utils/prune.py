"""Weights set to zero for good: a mask, applied at every call, chosen by size or at random.

A pruned parameter `weight` becomes the parameter `weight_orig`, the buffer `weight_mask` and the
attribute `weight`, their product. Pruning again multiplies the masks; `remove` makes the product
the parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ... import functional as F
from ...autograd import no_grad
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from ..module import Module

Choose = Callable[[Tensor, Tensor], Tensor]  # (importance, mask so far) -> mask of 0 and 1


class BasePruningMethod:
    """A forward pre-hook that makes the pruned attribute. Subclasses say `compute_mask`."""

    PRUNING_TYPE = "unstructured"

    _tensor_name: str

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for the importance `t`; 0 in `default_mask` stays 0."""
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        object.__setattr__(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        name = self._tensor_name
        return getattr(module, name + "_orig") * module._buffers[name + "_mask"]

    def prune(self, t: Tensor, default_mask: Any = None, importance_scores: Any = None) -> Tensor:
        """A pruned copy of `t`."""
        mask = F.ones_like(t) if default_mask is None else default_mask
        scores = t if importance_scores is None else importance_scores
        return t * self.compute_mask(scores, mask)

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune the parameter `name` of `module`."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        impose(module, name, method.compute_mask, method, importance_scores)
        return method

    def remove(self, module: Module) -> None:
        """Make the product the parameter."""
        remove(module, self._tensor_name)


def impose(
    module: Module, name: str, choose: Choose, hook: BasePruningMethod, scores: Any = None
) -> None:
    """Choose a mask, multiply it with one that is there, and let the hook apply it."""
    with no_grad():
        if name + "_orig" in module._parameters:
            original, mask = module._parameters[name + "_orig"], module._buffers[name + "_mask"]
        elif isinstance(module._parameters.get(name), Tensor):
            original = module._parameters.pop(name)
            mask = F.ones_like(original)
            module.register_parameter(name + "_orig", original)
            module.register_buffer(name + "_mask", mask)
            handle = module.register_forward_pre_hook(hook)
            module.__dict__.setdefault("_pruned", {})[name] = handle
        else:
            raise ShapeError(
                f"prune: the module must have a parameter {name!r}, got one without. It has"
                f" {sorted(module._parameters)}."
            )
        importance = original if scores is None else scores
        if importance.shape != original.shape:
            raise ShapeError(
                f"prune: importance_scores must have the parameter's shape {tuple(original.shape)},"
                f" got {tuple(importance.shape)}. Give one score a weight."
            )
        module._buffers[name + "_mask"] = choose(importance.detach(), mask.detach()) * mask
    hook._tensor_name = name
    hook(module, None)


def remove(module: Module, name: str) -> Module:
    """Make the pruned values of `name` the parameter, and forget the mask."""
    handle = module.__dict__.get("_pruned", {}).pop(name, None)
    if handle is None:
        raise ShapeError(
            f"prune.remove: the parameter {name!r} must be pruned, got one that is not. Prune it"
            " first."
        )
    handle.remove()
    original, mask = module._parameters.pop(name + "_orig"), module._buffers.pop(name + "_mask")
    module.__dict__.pop(name, None)
    original.data = original.detach() * mask
    module.register_parameter(name, original)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of one below it, is pruned."""
    return any(m.__dict__.get("_pruned") for m in module.modules())


def how_many(amount: float, n: int) -> int:
    """An int as it is; a share from 0 to 1 of n, rounded."""
    if isinstance(amount, int) and 0 <= amount <= n:
        return amount
    if isinstance(amount, float) and 0 <= amount <= 1:
        return round(amount * n)
    raise ShapeError(
        f"prune: amount must be an int from 0 to {n} or a float from 0 to 1, got {amount!r}. Give a"
        " number of weights or a share."
    )


def smallest(scores: Tensor, mask: Tensor, amount: float) -> Tensor:
    """The mask without the `amount` smallest of what is left."""
    flat = F.where(mask.reshape(-1) > 0, scores.reshape(-1), F.full_like(scores.reshape(-1), 0))
    left = flat.shape[0] - int((mask == 0).sum())
    n = how_many(amount, left)
    keyed = F.where(mask.reshape(-1) > 0, flat, F.full_like(flat, float("inf")))
    new = mask.clone().reshape(-1)
    if n:
        new[F.topk(keyed, n, largest=False).indices] = 0
    return new.reshape(mask.shape)


class Identity(BasePruningMethod):
    """Prunes nothing: the mask is 1."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class L1Unstructured(BasePruningMethod):
    """Prunes the weights of least size.

    Args: amount: how many (int), or a share of those left (float).
    """

    def __init__(self, amount: float):
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return smallest(F.abs(t), default_mask, self.amount)


class RandomUnstructured(BasePruningMethod):
    """Prunes weights at random. Args: as L1Unstructured."""

    def __init__(self, amount: float):
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return smallest(F.rand_like(t), default_mask, self.amount)


class LnStructured(BasePruningMethod):
    """Prunes the slices along `dim` of least n-norm."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, n: Any, dim: int = -1):
        self.amount, self.n, self.dim = amount, n, dim

    def scores(self, t: Tensor) -> Tensor:
        """One number a slice."""
        dim = self.dim % t.ndim
        return F.norm(F.movedim(t, dim, 0).reshape(t.shape[dim], -1), self.n, 1)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        dim = self.dim % t.ndim
        others = tuple(d for d in range(t.ndim) if d != dim)
        there = F.amax(default_mask, others) if others else default_mask
        kept = smallest(self.scores(t), there, self.amount)
        shape = [1] * t.ndim
        shape[dim] = t.shape[dim]
        return default_mask * kept.reshape(tuple(shape))


class RandomStructured(LnStructured):
    """Prunes slices along `dim` at random."""

    def __init__(self, amount: float, dim: int = -1):
        super().__init__(amount, 2, dim)

    def scores(self, t: Tensor) -> Tensor:
        return F.rand(t.shape[self.dim])


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is 0."""

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Make the parts of a pruned parameter without pruning any."""
    Identity.apply(module, name)
    return module


def l1_unstructured(
    module: Module, name: str, amount: float, importance_scores: Any = None
) -> Module:
    """Prune the `amount` weights of least size (or least score)."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prune `amount` weights at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Any = None
) -> Module:
    """Prune the `amount` slices along `dim` of least n-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prune `amount` slices along `dim` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune where `mask` is 0."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Any = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one, by an unstructured method.

    Args: parameters: pairs (module, name). kwargs: of the method, such as amount.
    """
    pairs = list(parameters)
    scores = importance_scores or {}
    found: list[tuple[Tensor, Tensor]] = []
    for module, name in pairs:
        original = module._parameters.get(name + "_orig", module._parameters.get(name))
        mask = module._buffers.get(name + "_mask")
        importance = scores.get((module, name), original).detach()
        found.append((importance, F.ones_like(importance) if mask is None else mask))
    flat = F.cat([t.reshape(-1) for t, _ in found])
    whole = pruning_method(**kwargs).compute_mask(flat, F.cat([m.reshape(-1) for _, m in found]))
    parts = F.split(whole, [t.numel() for t, _ in found])
    for (module, name), part, (t, _) in zip(pairs, parts, found):
        custom_from_mask(module, name, part.reshape(t.shape))
