"""Linear algebra under the names of `torch.linalg`: `linalg.solve(A, B)`, `linalg.svd(A)` ... The
maths is in `ops/linalg.py` and `ops/norms.py`.
"""

from . import functional as _functional

_PREFIX = "linalg_"
__all__ = sorted(
    _name.removeprefix(_PREFIX) for _name in vars(_functional) if _name.startswith(_PREFIX)
)
for _name in __all__:
    globals()[_name] = getattr(_functional, _PREFIX + _name)
