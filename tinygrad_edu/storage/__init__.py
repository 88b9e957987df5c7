"""Tensors in files: safetensors checkpoints and PyTorch's `.pt` files, written atomically, and read
without running anything in them.

`save` and `load` have PyTorch's names. `save_checkpoint` and `load_checkpoint` keep all that a
training run needs to continue.
"""

from ..engine.errors import CheckpointError
from .checkpoint import CheckpointNotFound, load, load_checkpoint, save, save_checkpoint
from .modules import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

__all__ = [
    "CheckpointError",
    "CheckpointNotFound",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "load_checkpoint",
    "safe_globals",
    "save",
    "save_checkpoint",
]
