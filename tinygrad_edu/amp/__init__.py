"""Mixed precision, with the names of `torch.amp`: `autocast` and `GradScaler`.

Every op here computes in the dtype of its inputs. So `autocast` changes no dtype and says so once:
a script runs with float32 where PyTorch would round to bfloat16 or float16, and its results are
those of the same script without autocast. `GradScaler` is complete; it serves models that were
converted with `model.half()`.
"""

from ..left_out import explain_missing as _explain_missing
from .autocast import (
    autocast,
    custom_bwd,
    custom_fwd,
    get_autocast_dtype,
    is_autocast_available,
    is_autocast_enabled,
)
from .grad_scaler import GradScaler

__all__ = [
    "GradScaler",
    "autocast",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_enabled",
]

_explain_missing(__name__)
