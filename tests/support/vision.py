"""torchvision, to compare with: also where its compiled part does not fit the PyTorch beside it."""

from __future__ import annotations

from typing import Any

import pytest


def torchvision_or_skip() -> Any:
    """The module torchvision; skips the test without it.

    Its models and transforms are Python. Where its compiled operators cannot be loaded, the
    declarations that belong to them are passed over while it is imported.
    """
    torch = pytest.importorskip("torch")
    declare = torch.library.register_fake

    def register_fake(op: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(op, str) and op.startswith("torchvision::"):
            return lambda function: function
        return declare(op, *args, **kwargs)

    torch.library.register_fake = register_fake
    try:
        return pytest.importorskip("torchvision", exc_type=ImportError)
    finally:
        torch.library.register_fake = declare
