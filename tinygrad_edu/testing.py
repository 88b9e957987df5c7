"""Comparing results, with the names of `torch.testing`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .engine.tensor import Tensor
from .left_out import explain_missing as _explain_missing

# relative and absolute tolerance of a dtype, PyTorch's
TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_dtype: bool = True,
    msg: Any = None,
    **kwargs: Any,
) -> None:
    """Raise AssertionError unless two tensors, numbers, or sequences or dicts of them are close.

    Math:   |actual - expected| <= atol + rtol |expected|
    Args:   rtol, atol: by default those of the dtype; give both or none.
    """
    more = dict(rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype, msg=msg)
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), f"keys differ: {[*actual]} and {[*expected]}"
        for key in expected:
            assert_close(actual[key], expected[key], **more)
        return
    if isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected), f"lengths differ: {len(actual)} and {len(expected)}"
        for a, e in zip(actual, expected):
            assert_close(a, e, **more)
        return
    a, e = values(actual), values(expected)
    assert a.shape == e.shape, f"shapes differ: {a.shape} and {e.shape}"
    assert not check_dtype or a.dtype == e.dtype, f"dtypes differ: {a.dtype} and {e.dtype}"
    usual = max(TOLERANCES.get(d.name, (0.0, 0.0)) for d in (a.dtype, e.dtype))
    rtol, atol = usual if rtol is None or atol is None else (rtol, atol)
    close = np.isclose(a, e, rtol, atol, equal_nan)
    if not close.all():
        wrong = int((~close).sum())
        most = np.nanmax(np.abs(np.asarray(a, "float64") - e))
        text = msg(wrong) if callable(msg) else msg
        raise AssertionError(
            text
            or f"{wrong} of {close.size} elements differ, by up to {most:.3g}; allowed:"
            f" {atol:.3g} + {rtol:.3g} |expected|"
        )


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, **more: Any
) -> None:
    """The older form of assert_close, which does not compare dtypes."""
    assert_close(actual, expected, rtol=rtol, atol=atol, check_dtype=False, **more)


def values(x: Any) -> np.ndarray:
    """A tensor or number as a NumPy array."""
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


_explain_missing(__name__)
