"""Keys and values of the positions that were seen, for models that write one token at a time."""

from __future__ import annotations

from tinygrad_edu import Tensor

from ..engine.errors import GraphError, ShapeError


class KVCache:
    """The keys and values of one attention layer, written in place, a new position beside the last.

    Args:
        longest: the most positions; memory for all of them is taken at the first update.

    `length` is the number of positions held. Used under `no_grad`.
    """

    def __init__(self, longest: int) -> None:
        self.longest, self.length = longest, 0
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add positions.

        Args:
            k: their keys (B, H, T, D).
            v: their values (B, H, T, E).

        Returns:
            All keys (B, H, length, D) and values so far: views, which the next update leaves as
            they are.

        Raises:
            ShapeError: more than `longest` positions, or other sizes than before.
            GraphError: the keys or values ask for gradients, which writing in place would break.
        """
        if k.requires_grad or v.requires_grad:
            raise GraphError(
                "KVCache.update: keys and values must not require gradients, got a recorded tensor."
                " Generate under torch.no_grad()."
            )
        if self.keys is None or self.values is None:
            self.keys, self.values = (x.new_empty(self.room(x)) for x in (k, v))
        end = self.length + k.shape[2]
        wanted = (self.keys.shape, self.values.shape)
        if (self.room(k), self.room(v)) != wanted or v.shape[2] != k.shape[2] or end > self.longest:
            raise ShapeError(
                f"KVCache.update: must get keys and values for at most {self.longest - self.length}"
                f" more positions of the shapes (B, H, T, D) = {tuple(wanted[0])} and"
                f" {tuple(wanted[1])} with any T, got {tuple(k.shape)} and {tuple(v.shape)}. Begin"
                " a new cache for another text."
            )
        here, self.length = slice(self.length, end), end
        self.keys[:, :, here] = k
        self.values[:, :, here] = v
        return self.keys[:, :, :end], self.values[:, :, :end]

    def room(self, x: Tensor) -> tuple[int, ...]:
        """The shape of the memory for tensors like x."""
        return (*x.shape[:2], self.longest, x.shape[3])


def new_caches(layers: int, longest: int) -> list[KVCache]:
    """An empty cache for each layer."""
    return [KVCache(longest) for _ in range(layers)]
