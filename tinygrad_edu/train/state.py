"""Where a run stands. Checkpoints hold it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from ..data import Dataset


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
        key = "test_accuracy" if "test_accuracy" in result else "test_loss"
        best = self.best is None or (
            result[key] > self.best[key] if key == "test_accuracy" else result[key] < self.best[key]
        )
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


def fingerprint(dataset: Dataset) -> int:
    """A checksum of a dataset's tensors, to notice that a run is resumed on other data."""
    tensors = dataset.tensors  # type: ignore[attr-defined]  # TensorDataset, TokenWindows
    total = len(dataset)  # type: ignore[arg-type]
    for tensor in tensors:
        total = zlib.crc32(tensor.cpu().numpy().tobytes(), total)
    return total
