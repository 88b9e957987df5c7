"""Averages of weights over the course of training: equal (SWA) or exponentially fading (EMA)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from ..autograd import no_grad
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..functional import tensor
from ..nn.module import Module


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """For AveragedModel: average ← decay · average + (1 − decay) · new."""
    if not 0 <= decay <= 1:
        raise ShapeError(
            f"get_ema_multi_avg_fn: decay must be from 0 to 1, got {decay}. Use 0.999, for example."
        )

    def blend(averages: list[Tensor], new: list[Tensor], count: Any) -> None:
        for average, value in zip(averages, new):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)

    return blend


def get_swa_multi_avg_fn() -> Callable:
    """For AveragedModel: the mean of all models given so far."""

    def mean(averages: list[Tensor], new: list[Tensor], count: Any) -> None:
        for average, value in zip(averages, new):
            if average.is_floating_point():
                average.add_((value - average) / (float(count) + 1))
            else:
                average.copy_(value)

    return mean


class AveragedModel(Module):
    """A copy of `model` (in `.module`) whose parameters are the average of all that
    `update_parameters` was given.

    Args: avg_fn: (average, new, count) -> average, for each parameter; multi_avg_fn: the same in
          place, for lists of them, for example `get_ema_multi_avg_fn(0.999)`; default: the mean.
          use_buffers: average the buffers too; else the model's last ones are taken over.
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable | None = None,
        multi_avg_fn: Callable | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ShapeError(
                "AveragedModel: avg_fn and multi_avg_fn must not be given together, got both."
                " Choose one."
            )
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present weights of `model` into the average."""

        def values(m: Module) -> list[Tensor]:
            return [
                t.detach() for t in (*m.parameters(), *(m.buffers() if self.use_buffers else ()))
            ]

        with no_grad():
            averages, new = (
                values(self.module),
                [t.to(self.n_averaged.device) for t in values(model)],
            )
            if int(self.n_averaged) == 0:
                for average, value in zip(averages, new):
                    average.copy_(value)
            elif self.avg_fn is not None:
                for average, value in zip(averages, new):
                    average.copy_(self.avg_fn(average, value, self.n_averaged))
            else:
                (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, new, self.n_averaged)
            if not self.use_buffers:
                for average, value in zip(self.module.buffers(), model.buffers()):
                    average.detach().copy_(value)
            self.n_averaged += 1


def update_bn(loader: Iterable, model: Module, device: Any = None) -> None:
    """Recompute the running statistics of batch norm layers in one pass over the loader: those of
    an averaged model do not fit its weights.
    """
    norms = {
        m: m.momentum
        for m in model.modules()
        if hasattr(m, "running_mean") and hasattr(m, "num_batches_tracked")
    }
    if not norms:
        return
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    with no_grad():
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    for norm, momentum in norms.items():
        norm.momentum = momentum
    model.train(was_training)
