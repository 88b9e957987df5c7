"""The names of `torch.serialization`. A class that is listed with `add_safe_globals` gets the saved
attributes; no code of it runs.
"""

from __future__ import annotations

from .left_out import explain_missing as _explain_missing
from .storage import add_safe_globals as add_safe_globals
from .storage import clear_safe_globals as clear_safe_globals
from .storage import get_safe_globals as get_safe_globals
from .storage import load as load
from .storage import safe_globals as safe_globals
from .storage import save as save


class SourceChangeWarning(Warning):
    """PyTorch's warning about a changed class; never given here."""


_explain_missing(__name__)
