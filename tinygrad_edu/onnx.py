"""ONNX's names: there is no exporter here yet."""

from __future__ import annotations

from typing import Any, NoReturn

from .engine.errors import TinygradEduError
from .left_out import explain_missing as _explain_missing


def export(model: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """An error that says what to do."""
    raise TinygradEduError(
        f"onnx.export: no model can be exported yet, got {type(model).__name__}. Save its"
        " state_dict and export it where PyTorch is installed."
    )


def is_in_onnx_export() -> bool:
    """False: nothing is exported."""
    return False


_explain_missing(__name__)
