"""The errors users meet, and the one place that words them.

Every message reads: `<op or class>: <what must hold>, got <what was given>. <Do this.>`
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

GAP = " [...] "
LONGEST = 1_000  # characters of a message: names in a file may have millions


class TinygradEduError(Exception):
    """Base of every error this package raises on purpose."""

    shows_inputs = False  # whether the message lists the tensors of the call

    def __init__(self, *args: object):
        super().__init__(*(shortened(a) if isinstance(a, str) else a for a in args))


def shortened(text: str) -> str:
    """`text` with its middle left out if it is too long: it begins with what must hold and ends
    with what to do.
    """
    if len(text) <= LONGEST:
        return text
    half = (LONGEST - len(GAP)) // 2
    return text[:half] + GAP + text[-half:]


class ShapeError(TinygradEduError, ValueError):
    """Sizes, dims or argument values that do not fit together."""


class DTypeError(TinygradEduError, TypeError):
    """A dtype (or Python type) the operation does not take."""


class DeviceError(TinygradEduError, RuntimeError):
    """Tensors on different devices, or a device that is not there."""


class GraphError(TinygradEduError, RuntimeError):
    """A backward pass that cannot be made: freed, changed in place, not recorded."""


class KernelError(TinygradEduError, RuntimeError):
    """A kernel that could not be compiled, launched or trusted."""


class CheckpointError(TinygradEduError, ValueError):
    """A file that cannot be written, is missing, or is not what it says it is."""


class IndexOutOfRange(ShapeError, IndexError):
    """An index or label beyond the size it points into."""


def check_dim(name: str, dim: object, ndim: int) -> int:
    """`dim` counted from the front; a 0-d tensor takes 0 and -1."""
    n = max(ndim, 1)
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise DTypeError(
            f"{name}: dim must be an int, got {dim!r:.60}. Count dims from 0, or back from -1."
        )
    d = dim.__index__()
    if not -n <= d < n:
        raise IndexOutOfRange(
            f"{name}: dim must be in [{-n}, {n - 1}], got {d}. Count dims from 0, or back from -1."
        )
    return d % n


def unknown_name(caller: str, given: str, known: Iterable[str]) -> DTypeError:
    """The error for a keyword argument `given` that is not among `known`."""
    names = list(known)
    near = difflib.get_close_matches(given, names, 1, 0.5)
    advice = f"Did you mean {near[0]!r}?" if near else "Check the spelling."
    return DTypeError(
        f"{caller}: takes {', '.join(names)}, got the unknown argument {given!r}. {advice}"
    )
