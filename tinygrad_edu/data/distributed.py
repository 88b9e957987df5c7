"""A sampler for several processes: each gets its part of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import functional as F
from ..engine.device import Generator
from ..engine.errors import ShapeError
from .sampler import Sampler


class DistributedSampler(Sampler):
    """The indices of one of `num_replicas` processes, every num_replicas-th of the shuffled order.

    Args:
        dataset: has a length.
        num_replicas: how many processes there are, by default 1.
        rank: the number of this one, from 0.
        shuffle: a new order for each epoch that `set_epoch` names.
        seed: of the order; the same in all processes.
        drop_last: leave samples out, instead of repeating some, where the parts would be unequal.
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        self.num_replicas = 1 if num_replicas is None else num_replicas
        self.rank = 0 if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ShapeError(
                f"DistributedSampler: rank must be from 0 to {self.num_replicas - 1}, got"
                f" {self.rank}. Give this process its number."
            )
        self.dataset, self.epoch, self.seed = dataset, 0, seed
        self.shuffle, self.drop_last = shuffle, drop_last
        n = len(dataset)
        rest = drop_last and n % self.num_replicas
        self.num_samples = n // self.num_replicas if rest else -(-n // self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        order = list(range(len(self.dataset)))
        if self.shuffle:
            drawn = F.randperm(
                len(order), generator=Generator().manual_seed(self.seed + self.epoch)
            )
            order = drawn.tolist()
        while order and len(order) < self.total_size:
            order += order[: self.total_size - len(order)]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Name the epoch, so that its order differs from the last one's."""
        self.epoch = epoch
