"""In a process that a script started: `import torch` gives this engine here too."""

import sys
from importlib import import_module

from tinygrad_edu.compat import install_as_torch

del sys.modules["torch"]  # this file, in whose place the engine comes
install_as_torch()
import_module("torch")
