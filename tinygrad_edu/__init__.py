"""tinygrad_edu: reverse-mode automatic differentiation from scratch, with PyTorch's names."""

from math import inf, nan, pi  # noqa: F401
from warnings import filterwarnings as _filterwarnings

from .devices.cpu.memory import keep_freed_memory as _keep_freed_memory
from .devices.cpu.threads import get_num_threads, set_num_threads
from .devices.cpu.threads import sleep_when_idle as _sleep_when_idle

_sleep_when_idle()
_keep_freed_memory()
# 1/0 is inf and 0/0 is NaN here, as in PyTorch, without a word
_filterwarnings("ignore", category=RuntimeWarning, module=r"tinygrad_edu\.(ops|engine)")

from . import autograd, functional  # noqa: E402
from .autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled  # noqa: E402
from .devices.emu.profile import profile  # noqa: E402
from .devices.raw import RawKernel  # noqa: E402
from .devices.table import use_kernel  # noqa: E402
from .engine.device import Device, Generator, default_generator  # noqa: E402
from .engine.device import get_device as device  # noqa: E402
from .engine.dtype import (  # noqa: E402
    bool_,
    double,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    float_,
    get_default_dtype,
    half,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    int_,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
)
from .engine.errors import (
    DeviceError,
    DTypeError,
    GraphError,
    KernelError,
    ShapeError,
    TinygradEduError,
)  # noqa: E402
from .engine.tensor import Tensor, as_tensor  # noqa: E402
from .functional import *  # noqa: E402, F403

__version__ = "0.1.0"
Size = tuple  # of a shape
float, int, bool = float_, int_, bool_  # noqa: A001  # PyTorch's names


def manual_seed(seed):
    """Start the default generator again: a run with the same seed gives the same numbers."""
    return default_generator.manual_seed(seed)


def seed():
    """Seed the default generator from the system; returns the seed."""
    return default_generator.seed()


def initial_seed():
    """The seed the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state():
    """State of the default generator, a uint8 tensor."""
    return functional.from_numpy(default_generator.get_state())


def set_rng_state(state):
    """Continue from a state that `get_rng_state` returned."""
    default_generator.set_state(state)


def is_tensor(value):
    """Whether value is a Tensor."""
    return isinstance(value, Tensor)


def numel(input):
    """Number of elements."""
    return input.numel()


def result_type(a, b):
    """The dtype of a + b."""
    return functional.add(a, b).dtype


def __getattr__(name):
    # imported where first used
    if name in (
        "nn",
        "optim",
        "linalg",
        "func",
        "data",
        "vision",
        "text",
        "storage",
        "models",
        "train",
        "recipes",
        "cli",
    ):
        from importlib import import_module

        return import_module(f".{name}", __name__)
    if name == "vmap":
        from .func import vmap

        return vmap
    if name in ("save", "load"):
        from . import storage

        return getattr(storage, name)
    raise AttributeError(
        f"module 'tinygrad_edu' has no attribute {name!r}. See tinygrad_edu.functional for the ops."
    )
