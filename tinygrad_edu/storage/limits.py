"""How much a file may ask for: memory, nesting, and keys that a table can be slow with.

A few bytes of a file can stand for large objects, and a few chosen keys can make a table slow.
These limits are far above what models, optimisers and their histories need.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ..engine.device import Device
from ..engine.dtype import dtype
from ..engine.errors import CheckpointError

LARGEST_PICKLE = 100_000_000  # bytes
SPARE = 50_000_000  # bytes that the objects of a file may take beyond the size of the file
DEEPEST = 200  # levels of containers inside one another
LONGEST_KEY = 1_000  # parts of a tuple that is a key
RARE_KEYS = 20_000  # in one file: keys that are neither text nor a 32-bit int
ALIKE = 100  # keys of one table with the same hash
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
PLAIN = (str, bytes, bool, type(None))  # text has a hash that no file can foresee


class Room:
    """The memory that is left for the objects of one file.

    Args:
        size: of the file in bytes.
    """

    def __init__(self, size: int) -> None:
        self.all = self.left = size + SPARE
        self.rare_keys = RARE_KEYS
        self.hashes: dict[tuple[int, int], int] = {}  # (table, hash) -> keys

    def take(self, size: int) -> None:
        """Count `size` more bytes.

        Raises: CheckpointError when too little is left
        """
        self.left -= size
        if self.left < 0:
            raise CheckpointError(
                f"its objects would take more than {self.all:,} bytes of memory, which is"
                f" {SPARE:,} more than the file has"
            )

    def check_key(self, table: Any, key: Any) -> None:
        """Refuse a key that could make the table slow, or that Python cannot hash safely.

        Equal hashes make a table look at all the keys that share them. Text cannot be chosen to
        have equal hashes, and 32-bit ints have different ones. All other keys are counted.
        """
        if isinstance(key, PLAIN) or type(key) is int and -(2**31) <= key < 2**31:
            return
        check_parts(key)
        place = id(table), hash(key)
        self.hashes[place] = self.hashes.get(place, 0) + 1
        self.rare_keys -= 1
        if self.rare_keys < 0 or self.hashes[place] > ALIKE:
            raise CheckpointError(
                f"it has more than {RARE_KEYS:,} keys that are neither text nor 32-bit ints, or"
                f" more than {ALIKE} of them in one table share a hash"
            )


def check_parts(key: Any) -> None:
    """Refuse a key that is not made of plain values, or of too many: hashing it is recursive."""
    rest, parts = [key], 0
    while rest:
        part = rest.pop()
        parts += 1
        if isinstance(part, (tuple, frozenset)) and parts + len(rest) + len(part) <= LONGEST_KEY:
            rest.extend(part)
        elif not isinstance(part, (*PLAIN, int, float, complex, dtype, Device)):
            raise CheckpointError(
                f"a key must be a number, a text or a short tuple of these, not a"
                f" {type(part).__name__}"
            )


def check_tree(
    top: Any, children: Callable[[Any], Collection], check: Callable[[Any], None]
) -> None:
    """Walk a structure without recursion, each shared container once.

    Args:
        children: the parts of a container; nothing for another value.
        check: is called with each value, and raises for one that must not be there.

    Raises:
        CheckpointError: the structure holds itself, or nests deeper than DEEPEST.
    """
    heights: dict[int, int] = {}  # of each finished container: the levels from it down
    above: dict[int, int] = {id(top): 0}  # of the containers around the one at hand: levels so far
    stack = [(top, iter(children(top)))]
    check(top)
    while stack:
        value, parts = stack[-1]
        for part in parts:
            if type(part) in ATOMS:
                continue
            check(part)
            if id(part) in above:
                raise CheckpointError("a container in it holds itself")
            if id(part) in heights:
                above[id(value)] = max(above[id(value)], heights[id(part)])
            elif inner := children(part):
                above[id(part)] = 0
                stack.append((part, iter(inner)))
                break
        else:
            stack.pop()
            height = heights[id(value)] = above.pop(id(value)) + 1
            if stack:
                around = id(stack[-1][0])
                above[around] = max(above[around], height)
        if max(len(stack), heights.get(id(value), 0)) > DEEPEST:
            raise CheckpointError(f"it nests more than {DEEPEST} levels deep")
