"""Random bad calls of every public name: `python tests/support/bad_calls.py --calls 20000`.

A call may return, or raise an error that this package raises on purpose: a TinygradEduError, or one
of Python's kinds from a line of the package that says `raise`. It must not raise what only happened
to come up inside (an AttributeError, an error of NumPy's), run for more than 2 s, or take more than
500 MB beyond what a message about memory says.
"""

from __future__ import annotations

import argparse
import inspect
import io
import linecache
import random
import resource
import signal
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager, redirect_stdout

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import func, linalg, nn, optim, special
from tinygrad_edu.engine.tensor import Tensor

PLACES = {
    "": tg,
    "nn": nn,
    "nn.functional": nn.functional,
    "nn.init": nn.init,
    "nn.utils": nn.utils,
    "linalg": linalg,
    "special": special,
    "optim": optim,
    "optim.lr_scheduler": optim.lr_scheduler,
    "func": func,
    "autograd": tg.autograd,
}
# files, processes, settings of the whole process
LEFT_OUT = {
    "load",
    "save",
    "set_default_dtype",
    "set_default_device",
    "set_default_tensor_type",
    "set_detect_anomaly",
    "set_num_threads",
    "set_printoptions",
    "set_grad_enabled",
    "use_kernel",
    "RawKernel",
    "RawModule",
    "profile",
    "apply_",
    "Size",  # a plain tuple, made for every x.shape
}
KINDS = (TypeError, ValueError, IndexError, RuntimeError, NotImplementedError)
SECONDS, BYTES = 2, 500 * 2**20


class TooSlow(BaseException):
    """Not an Exception, so that nothing on the way turns it into another error."""


def public_names():
    """[(dotted name, callable)]: functions, classes and Tensor's methods."""
    found = {}
    for place, module in PLACES.items():
        for name in dir(module):
            value = getattr(module, name)
            if name.startswith("_") or name in LEFT_OUT or not callable(value):
                continue
            if inspect.isclass(value) and issubclass(value, (BaseException, nn.Parameter)):
                continue
            if name not in getattr(module, "__all__", [name]):
                continue
            if isinstance(value, type(tg)) or not of_this_package(value):
                continue
            found.setdefault(id(value), (f"{place}.{name}".lstrip("."), value))
    for name in dir(Tensor):
        value = getattr(Tensor, name)
        if callable(value) and not name.startswith("_") and name not in LEFT_OUT:
            found.setdefault(id(value), (f"Tensor.{name}", value))
    return sorted(found.values(), key=lambda pair: pair[0])


def of_this_package(value):
    return (getattr(value, "__module__", None) or "tinygrad_edu").startswith("tinygrad_edu")


def plausible(rng):
    """A value that many arguments take."""
    return rng.choice(
        [
            lambda: tg.arange(6).float().reshape(2, 3).requires_grad_(rng.random() < 0.5),
            lambda: tg.ones(1, 3, 4, 4),
            lambda: tg.ones(3, 3),
            lambda: tg.tensor([0, 2, 1]),
            lambda: tg.tensor([1.0, 2.0, 3.0]),
            lambda: [tg.ones(2, 3), tg.zeros(2, 3)],
            lambda: rng.choice([0, 1, 2, 3, -1]),
            lambda: rng.choice([0.5, 1.0, 1e-3]),
            lambda: rng.choice([(1, 2), [2, 3], (0,), (1,)]),
            lambda: rng.choice([True, False]),
            lambda: nn.Linear(3, 2),
            lambda: [nn.Parameter(tg.ones(2))],
        ]
    )()


def strange(rng):
    """A value that hardly any argument takes."""
    return rng.choice(
        [
            lambda: None,
            lambda: rng.choice(["", "3", "abc", "mean", "cpu", "ij,jk->ik"]),
            lambda: rng.choice([2**31, 2**63, -(2**63), 10**30, -2, -7, 99, 4096]),
            lambda: rng.choice([1.5, float("inf"), float("-inf"), float("nan"), 1e300, -0.5]),
            lambda: rng.choice([[], (), {}, set(), [[1], [2, 3]], [None], ["a"], range(3)]),
            lambda: rng.choice([b"x", object(), 1 + 2j, Ellipsis, slice(1, 2), int, print]),
            lambda: rng.choice([tg.zeros(0), tg.zeros(0, 3), tg.zeros(2, 0, 3)]),
            lambda: rng.choice([tg.tensor(3), tg.tensor(2.5), tg.tensor(True)]),
            lambda: rng.choice([tg.ones(2, 3) > 0, tg.ones(2, 3).int(), tg.ones(2, 3).byte()]),
            lambda: tg.ones(2, 3, dtype=rng.choice([tg.float64, tg.float16])),
            lambda: tg.ones(2, 1, 2, 1, 2, 1),
            lambda: tg.tensor([float("nan"), float("inf"), -1.0]),
            lambda: tg.tensor([-5, 9, 2**40]),
            lambda: rng.choice([np.ones((2, 3)), np.array(["a"]), np.float32(2), np.array(None)]),
            lambda: rng.choice([(2**40, 2**40), (-1, -1), (1.5, 2), ("a",), (0, 0, 0), (1,) * 40]),
            lambda: rng.choice([tg.float32, tg.int64, lambda *a: None]),
        ]
    )()


def arguments(rng, function):
    """(args, kwargs): an example of the op with one argument replaced, or values by chance."""
    if function is Tensor:
        return [rng.choice([plausible, strange])(rng)], {}  # the rest is the engine's
    op = getattr(function, "op", None)
    cases = getattr(op, "cases", None)
    if cases and rng.random() < 0.6:
        case = rng.choice(cases)
        args = [tensors_of(v) for v in case.make("float32")]
        kwargs = dict(case.attrs)
        for _ in range(rng.choice([1, 1, 2])):
            i = rng.randrange(len(args) + len(kwargs) or 1)
            value = plausible(rng) if rng.random() < 0.3 else strange(rng)
            if i < len(args):
                args[i] = value
            elif kwargs:
                kwargs[list(kwargs)[i - len(args)]] = value
        return args, kwargs
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    needed = sum(p.default is p.empty and p.kind < p.VAR_POSITIONAL for p in parameters)
    count = max(0, needed + rng.choice([-1, 0, 0, 0, 0, 1, 2]))
    pick = lambda: plausible(rng) if rng.random() < 0.5 else strange(rng)
    args, kwargs = [pick() for _ in range(count)], {}
    named = [p.name for p in parameters[count:] if p.kind in (p.KEYWORD_ONLY, 1)]
    if named and rng.random() < 0.5:
        kwargs = {rng.choice(named): pick()}
    return args, kwargs


def tensors_of(value):
    if isinstance(value, np.ndarray):
        return tg.tensor(value)
    if isinstance(value, tuple) and value and isinstance(value[0], np.ndarray):
        return tuple(map(tg.tensor, value))
    return value


def attempt(rng, name, function):
    """Call it; use a layer that came out, step an optimiser, go back through a result."""
    args, kwargs = arguments(rng, function)
    if name.startswith("Tensor.") and not (args and isinstance(args[0], Tensor)):
        args[:1] = [tg.ones(2, 3)]  # a method is called on a tensor
        kwargs.pop("self", None)
    result = function(*args, **kwargs)
    if inspect.isclass(function) and issubclass(function, nn.Module):
        number = rng.choice([1, 1, 2])
        result(*[plausible(rng) if rng.random() < 0.7 else strange(rng) for _ in range(number)])
    elif isinstance(result, optim.Optimizer):
        for group in result.param_groups:
            for p in group["params"]:
                p.grad = tg.ones_like(p)
        result.step()
    elif isinstance(result, Tensor) and result.requires_grad and result.is_floating_point():
        result.sum().backward()


def raised_on_purpose(error):
    """Whether the error's own line, in this package or at the border, raised it knowingly."""
    if isinstance(error, tg.TinygradEduError):
        return True
    if isinstance(error, MemoryError):  # so much memory was asked for
        return str(error).startswith("Unable to allocate")
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    file, line = frame.tb_frame.f_code.co_filename, frame.tb_lineno
    first_call = file.startswith("<first_call of op")  # hands the arguments on as they are
    if file == __file__ or first_call:  # Python itself: the call does not fit the signature
        return isinstance(error, TypeError) and "argument" in str(error)
    inside = "/tinygrad_edu/" in file
    return inside and isinstance(error, KINDS) and "raise" in linecache.getline(file, line)


@contextmanager
def limits():
    """At most so much time and memory for each call within."""

    def stop(*_):
        raise TooSlow

    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    old = signal.signal(signal.SIGVTALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (taken + BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)


def bad_calls(number, seed=0, only=""):
    """Make that many calls. Returns [(name, number of the call, error)] of the wrong ones."""
    names = [(n, f) for n, f in public_names() if only in n]
    failures = []
    with limits(), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for i in range(number):
            rng = random.Random(f"{seed} {i}")
            name, function = rng.choice(names)
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            try:
                attempt(rng, name, function)
            except (Exception, TooSlow) as error:
                if not raised_on_purpose(error):
                    failures.append((name, i, error))
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return failures


def described(name, number, error):
    """One line about a failure, with the place it came from."""
    frames = [
        f"{frame.filename.split('/tinygrad_edu/')[-1]}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "/tinygrad_edu/" in frame.filename
    ]
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:110]}"
    return f"{name} #{number}: {said} [{' < '.join(frames[-3:][::-1])}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="names that contain this")
    given = parser.parse_args()
    failures = bad_calls(given.calls, given.seed, given.only)
    for failure in failures:
        print(described(*failure))
    print(Counter(type(error).__name__ for _, _, error in failures))
    print(f"{len(failures)} of {given.calls} calls of {len(public_names())} names")
