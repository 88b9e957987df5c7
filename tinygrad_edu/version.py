"""Versions: of this engine, and of what it stands on."""

__version__ = "0.1.0"
torch = "2.13.0"  # the version of PyTorch whose names and rules the engine follows
cuda: str | None = None  # kernels are compiled for the driver found on the machine
git_version = hip = xpu = None
debug = False
