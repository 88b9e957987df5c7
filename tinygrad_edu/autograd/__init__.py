"""Gradients as functions: grad modes, `grad`, your own ops (`Function`), numerical checks,
Jacobians and Hessians.
"""

from ..left_out import explain_missing as _explain_missing
from . import function, functional
from .function import Function
from .functional import hessian, hvp, jacobian, jvp, vhp, vjp
from .gradcheck import gradcheck, gradgradcheck
from .gradients import backward, grad
from .modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from .variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "hvp",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "vhp",
    "vjp",
]

_explain_missing(__name__)
