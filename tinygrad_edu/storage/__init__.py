"""Tensors in files: safetensors checkpoints, written atomically, and PyTorch's `.pt` files, read
without running anything in them.

`save` and `load` have PyTorch's names. `save_checkpoint` and `load_checkpoint` keep all that a
training run needs to continue.
"""

from ..engine.errors import CheckpointError
from .checkpoint import CheckpointNotFound, load, load_checkpoint, save, save_checkpoint

__all__ = [
    "CheckpointError",
    "CheckpointNotFound",
    "load",
    "load_checkpoint",
    "save",
    "save_checkpoint",
]
