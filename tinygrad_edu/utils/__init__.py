"""Helpers around training, with the names of `torch.utils`: data loading, recomputed layers,
TensorBoard logs, timing.
"""

from typing import TYPE_CHECKING

from ..left_out import MissingName as _MissingName

if TYPE_CHECKING:
    from . import benchmark as benchmark
    from . import checkpoint as checkpoint
    from . import data as data
    from . import model_zoo as model_zoo
    from . import tensorboard as tensorboard

_LAZY = ("benchmark", "checkpoint", "data", "model_zoo", "tensorboard")

if not TYPE_CHECKING:

    def __getattr__(name):
        from importlib import import_module

        if name in _LAZY:
            return import_module(f".{name}", __name__)
        raise _MissingName(__name__, name)
