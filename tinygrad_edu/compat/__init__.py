"""PyTorch's module names for this engine: after `install_as_torch()`, `import torch` and `import
torchvision` give modules of this engine, until `uninstall()`.

`tinygrad-edu run script.py` does this for one script. Nothing else does: a real PyTorch is
otherwise neither imported nor hidden.

table.py    which module stands for which
hook.py     the hook of Python's import
names.py    which of PyTorch's names a script uses, and which of them are here
"""

from .hook import CompatError, install_as_torch, is_installed, uninstall

__all__ = ["CompatError", "install_as_torch", "is_installed", "uninstall"]
