"""The errors users meet, and the one place that words them.

Every message reads: `<op or class>: <what must hold>, got <what was given>. <Do this.>`
"""

from __future__ import annotations

import re

GAP = " [...] "
LONGEST = 1_000  # characters of a message: names in a file may have millions


class TinygradEduError(Exception):
    """Base of every error this package raises on purpose."""

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


ADVICE = (  # (what the array library said, what the user can do about it)
    (
        r"broadcast",
        "Sizes must be equal or 1, counted from the last dim: reshape or unsqueeze one of them.",
    ),
    (
        r"matmul|mismatch in its core dimension|shapes .* not aligned",
        (
            "The last size of the left operand must equal the second-last of the right one:"
            " transpose or reshape one of them."
        ),
    ),
    (
        r"cannot reshape|into shape",
        "The number of elements must stay the same; use -1 for the one size to be worked out.",
    ),
    (
        r"axis .* out of bounds|axes don't match|axis.*dimension",
        "Count dims from 0 to ndim-1, or from -1 back to -ndim.",
    ),
    (
        r"out of bounds|boolean index",
        "Indexes run from -size to size-1; a mask must have the shape it selects from.",
    ),
    (
        r"zero-size array|no identity|empty sequence",
        "Give at least one element along the reduced dim.",
    ),
    (
        r"unsupported operand|ufunc .* not supported|loop matching|could not be cast|Cannot cast",
        "Convert the inputs first, for example with x.float().",
    ),
    (
        r"missing|unexpected|positional|got multiple values",
        "Check the argument names against the op's docstring.",
    ),
)


def describe(name: str, value: object) -> str:
    """`x: float32 (2, 3) on cpu` for a tensor, `dim=1` for anything else."""
    array = getattr(value, "array", None)
    if array is None:
        return f"{name}={value!r}"
    return f"{name}: {array.dtype} {tuple(array.shape)} on {value.device}"  # type: ignore[attr-defined]  # a Tensor


def explain(op_name: str, given: dict[str, object], error: Exception) -> Exception:
    """Reword what an array library raised inside `op_name`, with everything needed to mend the
    call.
    """
    if isinstance(error, TinygradEduError):
        return error
    said = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    args = ", ".join(describe(name, value) for name, value in given.items())
    advice = next(
        (text for pattern, text in ADVICE if re.search(pattern, said)),
        "Check the shapes, dtypes and argument values.",
    )
    text = f"{op_name}: {said}, got {args}. {advice}"
    if isinstance(error, IndexError) and not isinstance(error, ValueError):
        return IndexOutOfRange(text)
    if isinstance(error, TypeError):
        return DTypeError(text)
    if isinstance(error, (ValueError, IndexError, AssertionError)):
        return ShapeError(text)
    if isinstance(error, (MemoryError, KeyboardInterrupt)):
        return error
    return TinygradEduError(text)
