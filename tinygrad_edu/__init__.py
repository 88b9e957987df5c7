"""tinygrad_edu: reverse-mode automatic differentiation from scratch, with PyTorch's names."""

import builtins as _builtins
from math import e as e, inf as inf, nan as nan, pi as pi
from typing import TYPE_CHECKING, Any as _Any

from .devices.cpu.memory import keep_freed_memory as _keep_freed_memory
from .devices.cpu.threads import (
    get_num_threads as get_num_threads,
    set_num_threads as set_num_threads,
    sleep_when_idle as _sleep_when_idle,
)

_sleep_when_idle()  # before NumPy is imported
_keep_freed_memory()

from .devices.cpu.table import use_native as _use_native

_use_native()

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
from .devices.raw import RawModule as RawModule
from .devices.table import use_kernel as use_kernel
from .engine.border import public as _public
from .engine.device import (
    Device as Device,
    Generator as Generator,
    default_generator as default_generator,
)
from .engine.dtype import (
    bool_ as bool_,
    double as double,
    dtype as dtype,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    float_ as float_,
    get_default_dtype as get_default_dtype,
    half as half,
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
from .engine.limits import finfo as finfo, iinfo as iinfo
from .engine.tensor import Size as Size, Tensor as Tensor, as_tensor as as_tensor
from .functional import *  # noqa: F403  # itself one explicit list of imports
from .named import (
    BoolTensor as BoolTensor,
    ByteTensor as ByteTensor,
    CharTensor as CharTensor,
    DoubleTensor as DoubleTensor,
    FloatTensor as FloatTensor,
    HalfTensor as HalfTensor,
    IntTensor as IntTensor,
    LongTensor as LongTensor,
    ShortTensor as ShortTensor,
    bfloat16 as bfloat16,
    cdouble as cdouble,
    cfloat as cfloat,
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    complex64 as complex64,
    complex128 as complex128,
    contiguous_format as contiguous_format,
    device as device,
    get_default_device as get_default_device,
    memory_format as memory_format,
    preserve_format as preserve_format,
    set_default_device as set_default_device,
    set_default_tensor_type as set_default_tensor_type,
)
from .printing import set_printoptions as set_printoptions
from .sparse import sparse_coo_tensor as sparse_coo_tensor, spmm as spmm
from .version import __version__ as __version__

if TYPE_CHECKING:  # imported where first used, by __getattr__ below
    from . import (
        accelerator as accelerator,
        amp as amp,
        backends as backends,
        cli as cli,
        compat as compat,
        compiler as compiler,
        cuda as cuda,
        data as data,
        distributed as distributed,
        distributions as distributions,
        func as func,
        hub as hub,
        jit as jit,
        learn as learn,
        models as models,
        mps as mps,
        multiprocessing as multiprocessing,
        nn as nn,
        onnx as onnx,
        optim as optim,
        profiler as profiler,
        random as random,
        recipes as recipes,
        serialization as serialization,
        sparse as sparse,
        storage as storage,
        testing as testing,
        text as text,
        train as train,
        utils as utils,
        version as version,
        vision as vision,
        xpu as xpu,
    )
    from .amp import GradScaler as GradScaler
    from .amp.autocast import autocast as autocast
    from .compiler import compile as compile
    from .func import vmap as vmap
    from .learn.explain import explain as explain
    from .learn.draw import draw as draw
    from .learn.stepper import stepper as stepper
    from .learn.tape import record as record
    from .learn.watch import watch as watch
    from .nn.overview import summary as summary
    from .storage import load as load, save as save

newaxis = None
float, int, bool = float_, int_, bool_  # noqa: A001  # PyTorch's names
_LAZY = set(
    "accelerator amp backends cli compat compiler cuda data distributed distributions func hub jit"
    " learn models mps multiprocessing nn onnx optim profiler random recipes serialization sparse"
    " storage testing text train utils version vision xpu".split()
)
_HOMES = {  # names of lazy modules
    "GradScaler": "amp",
    "autocast": "amp",
    "compile": "compiler",
    "explain": "learn.explain",
    "draw": "learn.draw",
    "get_autocast_dtype": "amp",
    "is_autocast_enabled": "amp",
    "load": "storage",
    "record": "learn.tape",
    "save": "storage",
    "stepper": "learn.stepper",
    "summary": "nn.overview",
    "vmap": "func",
    "watch": "learn.watch",
}


@_public
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


@_public
def set_rng_state(state: Tensor) -> None:
    """Continue from a state that `get_rng_state` returned."""
    default_generator.set_state(state)


def is_tensor(value: _Any) -> _builtins.bool:
    """Whether value is a Tensor."""
    return isinstance(value, Tensor)


@_public
def numel(input: Tensor) -> _builtins.int:
    """Number of elements."""
    return input.numel()


@_public
def result_type(a: _Any, b: _Any) -> dtype:
    """The dtype of a + b."""
    return functional.add(a, b).dtype


def get_float32_matmul_precision() -> str:
    """ "highest": products of float32 are computed in float32."""
    return "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted; products of float32 are computed in float32 in any case."""


def use_deterministic_algorithms(
    mode: _builtins.bool, *, warn_only: _builtins.bool = False
) -> None:
    """Accepted; a run with the same seed on the same device gives the same numbers anyway."""


def are_deterministic_algorithms_enabled() -> _builtins.bool:
    """True: a run with the same seed on the same device gives the same numbers."""
    return True


def set_flush_denormal(mode: _builtins.bool) -> _builtins.bool:
    """False: NumPy does not flush denormal numbers."""
    return False


def get_num_interop_threads() -> _builtins.int:
    """1: ops run one after another."""
    return 1


def set_num_interop_threads(_: _builtins.int) -> None:
    """Accepted; ops run one after another."""


def typename(obj: _Any) -> str:
    """The name of an object's type; of a tensor, that of its typed class."""
    if isinstance(obj, Tensor):
        return obj.type()
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def is_storage(obj: _Any) -> _builtins.bool:
    """False: there are no storages apart from tensors."""
    return False


if not TYPE_CHECKING:  # checkers report an unknown name themselves

    def __getattr__(name):
        from importlib import import_module

        if name in _LAZY:
            try:
                return import_module(f".{name}", __name__)
            except ModuleNotFoundError as error:
                if error.name != f"{__name__}.{name}":
                    raise
        if name in _HOMES:
            return getattr(import_module(f".{_HOMES[name]}", __name__), name)
        from .left_out import MissingName

        raise MissingName(__name__, name)
