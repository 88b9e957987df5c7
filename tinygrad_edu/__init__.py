"""tinygrad_edu: reverse-mode automatic differentiation from scratch, with PyTorch's names."""

import builtins as _builtins
from math import inf as inf, nan as nan, pi as pi
from typing import TYPE_CHECKING, Any as _Any

from .devices.cpu.memory import keep_freed_memory as _keep_freed_memory
from .devices.cpu.threads import (
    get_num_threads as get_num_threads,
    set_num_threads as set_num_threads,
    sleep_when_idle as _sleep_when_idle,
)

_sleep_when_idle()
_keep_freed_memory()

from . import (
    autograd as autograd,
    functional as functional,
    linalg as linalg,
    return_types as return_types,
    special as special,
)
from .autograd import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from .devices.emu.profile import profile as profile
from .devices.raw import RawKernel as RawKernel
from .devices.table import use_kernel as use_kernel
from .engine.device import (
    Device as Device,
    Generator as Generator,
    default_generator as default_generator,
    get_device as _get_device,
)
from .engine.dtype import (
    bool_ as bool_,
    double as double,
    dtype as dtype,
    finfo as finfo,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    float_ as float_,
    get_default_dtype as get_default_dtype,
    half as half,
    iinfo as iinfo,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    int_ as int_,
    long as long,
    promote_types as promote_types,
    set_default_dtype as set_default_dtype,
    short as short,
    uint8 as uint8,
)
from .engine.errors import (
    DeviceError as DeviceError,
    DTypeError as DTypeError,
    GraphError as GraphError,
    KernelError as KernelError,
    ShapeError as ShapeError,
    TinygradEduError as TinygradEduError,
)
from .engine.tensor import Tensor as Tensor, as_tensor as as_tensor
from .functional import *  # noqa: F403

if TYPE_CHECKING:  # imported where first used, by __getattr__ below
    from . import (
        cli as cli,
        data as data,
        func as func,
        models as models,
        nn as nn,
        optim as optim,
        recipes as recipes,
        storage as storage,
        text as text,
        train as train,
        vision as vision,
    )
    from .func import vmap as vmap
    from .storage import load as load, save as save

__version__ = "0.1.0"
Size = tuple  # of a shape
device = _get_device
float, int, bool = float_, int_, bool_  # noqa: A001  # PyTorch's names
_LAZY = set("cli data func models nn optim recipes storage text train vision".split())
_HOMES = {"vmap": "func", "save": "storage", "load": "storage"}  # functions of lazy modules


def manual_seed(seed: _builtins.int) -> Generator:
    """Start the default generator again: a run with the same seed gives the same numbers."""
    return default_generator.manual_seed(seed)


def seed() -> _builtins.int:
    """Seed the default generator from the system; returns the seed."""
    return default_generator.seed()


def initial_seed() -> _builtins.int:
    """The seed the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """State of the default generator, a uint8 tensor."""
    return functional.from_numpy(default_generator.get_state())


def set_rng_state(state: Tensor) -> None:
    """Continue from a state that `get_rng_state` returned."""
    default_generator.set_state(state)


def is_tensor(value: _Any) -> _builtins.bool:
    """Whether value is a Tensor."""
    return isinstance(value, Tensor)


def numel(input: Tensor) -> _builtins.int:
    """Number of elements."""
    return input.numel()


def result_type(a: _Any, b: _Any) -> dtype:
    """The dtype of a + b."""
    return functional.add(a, b).dtype


if not TYPE_CHECKING:  # checkers report an unknown name themselves

    def __getattr__(name):
        from importlib import import_module

        if name in _LAZY:
            return import_module(f".{name}", __name__)
        if name in _HOMES:
            return getattr(import_module(f".{_HOMES[name]}", __name__), name)
        raise AttributeError(
            f"module 'tinygrad_edu' has no attribute {name!r}. See tinygrad_edu.functional for the"
            " ops."
        )
