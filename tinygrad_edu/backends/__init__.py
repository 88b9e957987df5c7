"""What PyTorch stands on and can be asked about. Settings are accepted and change nothing: NumPy
and the kernels of this engine do the work.
"""

from ..left_out import explain_missing as _explain_missing
from . import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]

_explain_missing(__name__)
