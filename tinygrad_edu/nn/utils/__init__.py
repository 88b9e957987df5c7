"""Helpers for parameters and gradients."""

from ...engine.errors import DTypeError
from ...left_out import explain_missing as _explain_missing
from ..module import Module
from . import parametrizations, parametrize, prune, rnn
from .clip_grad import clip_grad_norm, clip_grad_norm_, clip_grad_value_, get_total_norm
from .convert_parameters import parameters_to_vector, vector_to_parameters
from .flat import FlatParameter
from .weight import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

__all__ = [
    "FlatParameter",
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]


def skip_init(module_cls: type, *args: object, **kwargs: object) -> object:
    """A module whose values are not to be relied on (the usual initial ones here)."""
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise DTypeError(
            f"skip_init: module_cls must be a class of modules, got {module_cls!r}. Give e.g."
            " nn.Linear, then its arguments."
        )
    return module_cls(*args, **kwargs)


_explain_missing(__name__)
