"""The border between users and what is inside. An error that only came up inside, in Python or in
an array library, leaves it in words: `explain` for ops, `public` for functions that are no ops.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from .device import quiet
from .errors import (
    DTypeError,
    IndexOutOfRange,
    ShapeError,
    TinygradEduError,
    shortened,
    unknown_name,
)

P = ParamSpec("P")
R = TypeVar("R")
UNPLANNED = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, BufferError)
OURS = {__name__.partition(".")[0], "numpy", "cupy", *sys.stdlib_module_names}


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Let `function` raise errors that say what to do. What a user's own code raises passes.

    Its body stands one call deeper then: count that in `stacklevel` of a warning.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except UNPLANNED as error:
            if planned(error):
                raise
            raise worded(function.__name__, function, args, kwargs, error) from error

    return call


def silent(function: Callable[P, R]) -> Callable[P, R]:
    """Let `function` compute without NumPy's floating-point warnings."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return quiet().run(function, *args, **kwargs)

    return call


def worded(name: str, function: Callable, args: tuple, kwargs: dict, error: Exception) -> Exception:
    """The error that explains `error`, which came up in a call of `function`."""
    parameters = inspect.signature(function).parameters
    named = [p.name for p in parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [] if open_ended else [k for k in kwargs if k not in named]
    if unknown:
        return unknown_name(name, unknown[0], named)
    places = [n for n in named if n not in kwargs] + [f"argument {i}" for i in range(len(args))]
    return explain(name, {**dict(zip(places, args)), **kwargs}, error)


def planned(error: Exception) -> bool:
    """Whether `error` is to pass: it explains itself, or it came up in a user's own code, that is
    in neither this package nor a library that it uses.
    """
    if isinstance(error, TinygradEduError):
        return True
    trace, frames = error.__traceback__, []
    while trace is not None:
        frames.append(trace.tb_frame.f_globals.get("__name__", "").partition(".")[0])
        trace = trace.tb_next
    return any(frame not in OURS for frame in frames[1:])


# ---- wording -------------------------------------------------------------------------------------

WORDS = (  # (what the array library says, what must hold, what to do); \\1 stands for its figures
    (
        r"has no attribute|object is not|not supported between|must be real number|an iterat",
        "each argument must be of its kind ({said})",
        "Look the kinds up in the docstring.",
    ),
    (
        r"broadcast",
        "the shapes must broadcast",
        "Sizes must be equal or 1, counted from the last dim: reshape or unsqueeze one of them.",
    ),
    (
        r"Size of label ('.*?') for operand \d+ \((\d+)\) does not match previous terms \((\d+)\)",
        r"the sizes of one label must be equal, not \2 and \3 of \1",
        "Correct the labels, or transpose or reshape one tensor.",
    ),
    (
        r"cannot reshape|into shape",
        "the number of elements must stay the same",
        "Use -1 for the one size to be worked out.",
    ),
    (r"only specify one unknown", "at most one size may be -1", "Give the other sizes."),
    (r"repeated axis", "each dim must appear once", "Leave the repeated one out."),
    (
        r"axis (\S+) is out of bounds for array of dimension (\d+)",
        r"dim \1 must be one of \2 dims",
        "Count dims from 0 to ndim-1, or from -1 back to -ndim.",
    ),
    (
        r"axes don't match|axis.*dimension",
        "the dims must be those of the tensor",
        "Count dims from 0 to ndim-1, or from -1 back to -ndim.",
    ),
    (
        r"too many indices.*?(\d+)-dimensional, but (\d+)",
        r"there must be at most one index per dim, \1, not \2",
        "Leave some out, or unsqueeze the tensor.",
    ),
    (
        r"only integers, slices",
        "an index must be an int, a slice, ..., None, a bool or an integer tensor",
        "Convert it.",
    ),
    (
        r"index (\S+) is out of bounds for axis (\d+) with size (\d+)",
        r"an index must be within its dim: \1 is out of bounds of dim \2 of size \3",
        "Indexes run from -size to size-1.",
    ),
    (
        r"boolean index",
        "a mask must have the shape of what it selects from",
        "Reshape or expand the mask.",
    ),
    (
        r"zero-size array|no identity|empty sequence",
        "there must be at least one element along the dim",
        "Check for emptiness first.",
    ),
    (
        r"numpy boolean",
        "the inputs must hold numbers, not bools",
        "Use ^ or logical_xor, ~ or logical_not; or convert with .float().",
    ),
    (
        r"unsupported operand|ufunc .* not supported|loop matching|could not be cast|Cannot cast",
        "the dtypes must be ones that it is defined for",
        "Convert the inputs first, for example with x.float() or x.long().",
    ),
    (
        r"missing|unexpected|positional|got multiple values",
        "{said}",
        "Check the argument names against the docstring.",
    ),
)


def describe(name: str, value: object) -> str:
    """`x: float32 (2, 3) on cpu` for a tensor, `dim=1` for anything else."""
    if hasattr(value, "array") and hasattr(value, "device"):
        return f"{name}: {value.array.dtype} {tuple(value.array.shape)} on {value.device}"
    if isinstance(value, (list, tuple)) and any(hasattr(v, "array") for v in value):
        return ", ".join(describe(f"{name}[{i}]", v) for i, v in enumerate(value[:40]))
    if hasattr(value, "dtype") and hasattr(value, "shape"):  # a raw array, for example an index
        return f"{name}: {value.dtype} {tuple(value.shape)}"
    return f"{name}={value!r:.200}"


def listed(given: dict[str, object]) -> str:
    return ", ".join(describe(name, value) for name, value in given.items())


def in_words(said: str) -> tuple[str, str]:
    """What must hold and what to do, of what an array library said."""
    for pattern, must, advice in WORDS:
        found = re.search(pattern, said)
        if found:
            return must.format(said=said) if "{" in must else found.expand(must), advice
    return said, "Check the shapes, dtypes and argument values."


def explain(op_name: str, given: dict[str, object], error: Exception) -> Exception:
    """What came up inside `op_name` in words, with everything needed to mend the call. An error of
    ours only gets the inputs added, unless it shows them.
    """
    if isinstance(error, (MemoryError, KeyboardInterrupt)):
        return error
    if isinstance(error, TinygradEduError):
        tensors = {name: value for name, value in given.items() if " on " in describe(name, value)}
        if tensors and not error.shows_inputs:
            error.args = (shortened(f"{error} Inputs: {listed(tensors)}."),)
            error.shows_inputs = True
        return error
    said = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    said = re.sub(r"^[\w.<>]+\(\) ", "", said)  # Python's name of an inner function
    must, advice = in_words(said)
    result = kind_for(error)(f"{op_name}: {must}, got {listed(given)}. {advice}")
    result.shows_inputs = True
    return result


def kind_for(error: Exception) -> type[TinygradEduError]:
    """The class of ours that is an error of the same kind of Python's."""
    if isinstance(error, IndexError) and not isinstance(error, ValueError):
        return IndexOutOfRange
    if isinstance(error, (TypeError, AttributeError, BufferError)):
        return DTypeError
    if isinstance(error, (ValueError, LookupError, ArithmeticError, AssertionError)):
        return ShapeError
    return TinygradEduError
