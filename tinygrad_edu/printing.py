"""How tensors are printed."""

from __future__ import annotations

import math
from typing import Any

from .engine.arrays import printing
from .engine.errors import DTypeError

PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 75},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 75},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 75},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; what is not given stays.

    Args:
        precision: digits after the point, 4 by default.
        threshold: elements above which the middle is left out, 1000 by default.
        edgeitems: what is shown at each end then, 3 by default.
        linewidth: characters a line.
        profile: "default", "short" or "full"; the other arguments override it.
        sci_mode: True: always powers of ten; False: never; None: where the numbers ask for it.
    """
    if profile is not None:
        if profile not in PROFILES:
            raise DTypeError(
                f"set_printoptions: profile must be one of {', '.join(PROFILES)}, got {profile!r}."
                " Use one of them."
            )
        printing.update(PROFILES[profile])
    given: dict[str, Any] = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    printing.update({k: v for k, v in given.items() if v is not None}, sci_mode=sci_mode)
