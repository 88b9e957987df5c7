"""Where a run stands. Checkpoints hold it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ..data import DataLoader, Dataset
from ..engine.tensor import Tensor

ACCURACY, LOSS = "validation_accuracy", "validation_loss"  # what tells which epoch is the best


@dataclass
class State:
    """The place in the run, the sums of the current epoch, and the results of the epochs before."""

    epoch: int = 0  # finished epochs
    batch: int = 0  # finished steps of the current epoch; the sums below are over these
    loss_sum: float = 0.0  # of examples
    correct: int = 0
    seen: int = 0  # examples
    seconds: float = 0.0  # of all sessions of the run, at the last save
    train_seconds: float = 0.0  # in the steps of the current epoch
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry an epoch
    losses: list[float] = field(default_factory=list)  # one a step
    best: dict[str, Any] | None = None  # the best epoch and its result
    stopped: bool = False  # before the last epoch, since nothing got better

    def add_step(self, loss: float, count: int, correct: int) -> None:
        """One finished step over `count` examples."""
        self.batch += 1
        self.loss_sum += loss * count
        self.correct += correct
        self.seen += count
        self.losses.append(loss)

    def end_epoch(self, result: dict[str, Any]) -> bool:
        """Note the result of an epoch and begin the next. Returns whether it is the best so far."""
        self.history.append(result)
        key = ACCURACY if ACCURACY in result else LOSS
        best = self.best is None or is_better(result, self.best)
        if best:
            self.best = {"epoch": result["epoch"], key: result[key]}
        self.epoch += 1
        self.batch, self.loss_sum, self.correct, self.seen = 0, 0.0, 0, 0
        self.train_seconds = 0.0
        return best

    @property
    def best_epoch(self) -> int:
        """The number of the best epoch, 0 before the first has ended."""
        return self.best["epoch"] if self.best else 0

    def to_save(self, seconds: float) -> dict[str, Any]:
        """For a checkpoint. The losses are an array: a file's header must stay small."""
        return {**vars(self), "seconds": seconds, "losses": np.array(self.losses, np.float64)}

    @classmethod
    def from_saved(cls, saved: dict[str, Any]) -> State:
        """What `to_save` gave, checked.

        Raises:
            ValueError: it is something else.
        """
        if not isinstance(saved, dict) or set(saved) != {f.name for f in fields(cls)}:
            raise ValueError("its state must have the entries of a run's state")
        losses = np.asarray(getattr(saved["losses"], "array", saved["losses"]))
        if losses.dtype != np.float64 or losses.ndim != 1:
            raise ValueError("its losses must be one row of float64")
        state = cls(**{**saved, "losses": losses.tolist()})
        counts = (state.epoch, state.batch, state.correct, state.seen)
        if not all(type(n) is int and n >= 0 for n in counts):
            raise ValueError("epoch, batch, correct and seen must be whole numbers of at least 0")
        if not all(
            isinstance(x, (int, float))
            for x in (state.loss_sum, state.seconds, state.train_seconds)
        ):
            raise ValueError("its sums must be numbers")
        results = state.history if isinstance(state.history, list) else [None]
        if len(results) != state.epoch or not all(map(is_epoch, results)):
            raise ValueError("its history must have one result an epoch")
        if state.epoch and not (is_result(state.best) and is_number(state.best.get("epoch"))):  # type: ignore[union-attr]
            raise ValueError("its best epoch must have a result")
        return state


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def is_result(value: Any) -> bool:
    return isinstance(value, dict) and any(is_number(value.get(key)) for key in (ACCURACY, LOSS))


def is_epoch(value: Any) -> bool:
    """Whether a value is the result of an epoch."""
    names = ["epoch", "step", "loss", LOSS, "seconds"]
    if isinstance(value, dict) and ACCURACY in value:
        names += ["accuracy", ACCURACY]
    return is_result(value) and all(is_number(value.get(name)) for name in names)


def is_better(result: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a result beats another: by the accuracy, or by the loss where that is not counted."""
    if ACCURACY in result and ACCURACY in other:
        return result[ACCURACY] > other[ACCURACY]
    return result[LOSS] < other[LOSS]


def fingerprint(data: Dataset | DataLoader | Iterable[Tensor]) -> int:
    """A checksum of tensors, or of those of a dataset, to notice that a run is resumed on other
    data.
    """
    data = data.dataset if isinstance(data, DataLoader) else data
    total, tensors = 0, data
    if isinstance(data, Dataset):  # TensorDataset, TokenWindows
        total, tensors = len(data), data.tensors  # type: ignore[arg-type, attr-defined]
    for tensor in tensors:  # type: ignore[union-attr]
        total = zlib.crc32(tensor.cpu().numpy().tobytes(), total)
    return total
