"""GradScaler: the loss times a large number, so that small float16 gradients do not become 0."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..engine.errors import GraphError
from ..engine.tensor import Tensor
from ..named import AbsentDevice
from ..named import device as device_named
from ..notes import say_once


class GradScaler:
    """Scales the loss before backward and the gradients back before the step; skips a step whose
    gradients are not finite and scales less from then on.

        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    Args:
        device: where the gradients are. For a GPU that is absent the scaler disables itself, as in
            PyTorch, and every call passes through.
        init_scale: the first factor.
        growth_factor, growth_interval: what the factor is multiplied by after that many good steps.
        backoff_factor: what it is multiplied by after a step with gradients that are not finite.

    Reference: P. Micikevicius et al., 2018, "Mixed Precision Training", section 3.2.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        if enabled and isinstance(device_named(device), AbsentDevice):
            say_once(f"GradScaler: {device} is not available, so the scaler is disabled.")
            enabled = False
        self._enabled = enabled
        self._scale, self._good = float(init_scale), 0
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._seen: dict[int, bool] = {}  # optimisers unscaled since update(): whether finite
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """A loss, or a list or tuple of them, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        return type(outputs)(self.scale(o) for o in outputs)

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimiser's parameters by the factor, once a step (for
        example before they are clipped).
        """
        if not self._enabled:
            return
        if id(optimizer) in self._seen:
            raise GraphError(
                "GradScaler.unscale_: must be called once for each update(), got a second call."
                " Call update() after the step."
            )
        finite = True
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.data.mul_(1 / self._scale)
                    finite = finite and bool(F.isfinite(p.grad).all())
        self._seen[id(optimizer)] = finite

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()`, unless a gradient is inf or NaN."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) in self._stepped:
            raise GraphError(
                "GradScaler.step: must be called once for each update(), got a second call. Call"
                " update() first."
            )
        if id(optimizer) not in self._seen:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return optimizer.step(*args, **kwargs) if self._seen[id(optimizer)] else None

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Set the next factor: less after a bad step, more after many good ones."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._seen:
            raise GraphError("GradScaler.update: needs a step before it, got none. Call step().")
        elif not all(self._seen.values()):
            self._scale, self._good = self._scale * self._backoff_factor, 0
        else:
            self._good += 1
            if self._good == self._growth_interval:
                self._scale, self._good = self._scale * self._growth_factor, 0
        self._seen.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The factor; 1 when disabled."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self) -> bool:
        """Whether it scales at all."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to continue; empty when disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._good,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state."""
        if not self._enabled:
            return
        if not state_dict:
            raise GraphError(
                "GradScaler.load_state_dict: needs the state of an enabled scaler, got an empty"
                " one. Save it from a scaler that is enabled."
            )
        self._scale, self._good = float(state_dict["scale"]), int(state_dict["_growth_tracker"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
