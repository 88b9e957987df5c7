"""In a process that a script started: `import torch` gives this engine here too."""

import sys
from importlib import import_module
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))  # where this engine is, if it is not installed
from tinygrad_edu.compat import install_as_torch

del sys.modules["torch"]  # this file, in whose place the engine comes
install_as_torch()
import_module("torch")
