"""Why a gradient is wrong: the usual causes, tried one after the other.

Nothing is guessed from how wrong the numbers look. A cause is named only if mending it gives the
numbers of the finite differences. So formulas are made up from the cotangent, the inputs and the
outputs, and looked for among what backward gave and among what it should have given; and saved
tensors are replaced by others, with which the user's own backward runs again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations, combinations_with_replacement, product
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from .function import UserOp

LARGEST = 10_000  # elements of an array up to which formulas are tried
USUAL = (2.0, 0.5, 3.0, 1 / 3, 4.0, 0.25)  # factors that are believed even of a single entry


@dataclass(frozen=True)
class Case:
    """One wrong gradient.

    Attributes:
        name: of the input, such as "input 0"
        found, expected: what backward gave, what the finite differences gave
        tolerance: how far two numbers that agree may be apart, for each entry
        values: the cotangent "g", the inputs and the outputs, as float64 arrays, by name
    """

    name: str
    found: np.ndarray
    expected: np.ndarray
    tolerance: np.ndarray
    values: dict[str, np.ndarray]

    def right(self, array: np.ndarray) -> bool:
        return self.same(array, self.expected)

    def same(self, array: np.ndarray, other: np.ndarray) -> bool:
        if array.shape != other.shape:
            return False
        return bool((np.abs(array - other) <= self.tolerance).all())


@dataclass(frozen=True)
class Formula:
    """A product of values, and how it was brought to the shape of the input."""

    factors: tuple[str, ...]
    array: np.ndarray = field(repr=False)
    matrix: bool = False
    fit: str = ""

    def __str__(self) -> str:
        product = (" @ " if self.matrix else " · ").join(self.factors)
        return f"{product}{', ' if self.fit else ''}{self.fit}"

    @property
    def bare(self) -> list[str]:
        """The factors without their transposes."""
        return sorted(name.removesuffix(".T") for name in self.factors)


def likely_cause(case: Case) -> str:
    """A sentence that names the cause, or "" if none of the usual ones explains the numbers."""
    if not np.isfinite(case.found).all() or not np.isfinite(case.expected).all():
        return "The gradient is not finite: look for a division by zero, or a root of zero."
    if not case.found.any():
        return (
            "No gradient arrives: does backward return None or zeros for it, or was a result"
            " detached?"
        )
    return (
        wrong_factor(case)
        or transposed(case)
        or wrong_formula(case)
        or missing_values(case)
        or missing_constant(case)
    )


# ---- a factor ------------------------------------------------------------------------------------


def ratio(case: Case) -> float | None:
    """found / expected, if it is the same for all entries."""
    large = np.abs(case.expected) > 100 * case.tolerance
    if not large.any():
        return None
    first = float(np.median(case.found[large] / case.expected[large]))
    if first == 0 or not np.isfinite(first):
        return None
    return first if case.right(case.found / first) else None


def wrong_factor(case: Case) -> str:
    """A sign, or a number that many formulas forget."""
    r = ratio(case)
    if r is None:
        return ""
    if abs(r + 1) < 1e-4:
        return "The sign is wrong: every entry is the negative of what it must be."
    sizes = {float(n) for v in case.values.values() for n in (*v.shape, v.size) if n > 1}
    for n in sorted(sizes):
        if abs(r * n - 1) < 1e-4 and n not in USUAL:
            return f"A mean stands where a sum must: every entry is {n:g} times too small."
        if abs(r / n - 1) < 1e-4 and n not in USUAL:
            return f"A sum stands where a mean must: every entry is {n:g} times too large."
    if any(abs(r - usual) < 1e-4 for usual in USUAL):
        return f"A factor is missing or too many: every entry is {r:.4g} times what it must be."
    return ""


def missing_constant(case: Case) -> str:
    """Any other constant factor, which needs several entries to be believed."""
    r = ratio(case)
    if r is None or (np.abs(case.expected) > case.tolerance).sum() < 2:
        return ""
    return f"A factor is missing or too many: every entry is {r:.6g} times what it must be."


def missing_values(case: Case) -> str:
    """An input, output or cotangent by which the result must be multiplied or divided."""
    for name, value in case.values.items():
        try:
            factor = np.broadcast_to(value, case.expected.shape)
        except ValueError:
            continue
        if case.right(case.found * factor):
            return f"A factor is missing: multiplied by {name}, the result is right."
        if factor.all() and case.right(case.found / factor):
            return f"A factor is too many: without {name}, the result is right."
    return ""


# ---- shapes --------------------------------------------------------------------------------------


def transposed(case: Case) -> str:
    if case.found.ndim >= 2 and case.right(np.swapaxes(case.found, -1, -2)):
        return "A transpose is wrong: the result is the transpose of what it must be."
    return ""


def wrong_formula(case: Case) -> str:
    """The formula that was computed, and the one that is right, if both are products of values."""
    tried = list(formulas(case.values, case.expected.shape))
    computed = [f for f in tried if case.same(f.array, case.found)]
    wanted = [f for f in tried if case.right(f.array)]
    if not computed or not wanted:
        return ""
    # equal numbers may have several formulas: the two that have most in common tell most
    a, b = max(product(computed, wanted), key=lambda pair: in_common(*pair))
    return f"{difference(a, b)} It gives {a}; right is {b}."


def in_common(computed: Formula, wanted: Formula) -> tuple[int, int]:
    """How many factors two formulas share, and (negative) how many they have in all."""
    shared = set(computed.bare) & set(wanted.bare)
    return len(shared), -len(computed.factors) - len(wanted.factors)


def difference(computed: Formula, wanted: Formula) -> str:
    """In what the two differ."""
    if computed.matrix and wanted.matrix and computed.bare == wanted.bare:
        return "A transpose or the order of a matrix product is wrong."
    if computed.factors == wanted.factors and computed.fit != wanted.fit:
        return "The sum over a broadcast dim is missing or wrong."
    if set(computed.bare) < set(wanted.bare):
        return "A factor is missing."
    if set(computed.bare) > set(wanted.bare):
        return "A factor is too many."
    return "A wrong value is kept or used."


def formulas(values: dict[str, np.ndarray], shape: tuple[int, ...]) -> Iterator[Formula]:
    """Products with the cotangent that can have the shape of the input; short ones first."""
    if "g" not in values or max(v.size for v in values.values()) > LARGEST:
        return
    for formula in chain(products(values), matrix_products(values)):
        yield from fitted(formula, shape)


def products(values: dict[str, np.ndarray]) -> Iterator[Formula]:
    """The cotangent times up to two values, elementwise."""
    g, others = values["g"], {n: v for n, v in values.items() if n != "g"}
    for count in range(3):
        for names in combinations_with_replacement(others, count):
            try:
                arrays = np.broadcast_arrays(g, *(others[n] for n in names))
            except ValueError:
                continue
            yield Formula(("g", *names), np.prod(arrays, axis=0))


def matrix_products(values: dict[str, np.ndarray]) -> Iterator[Formula]:
    """The cotangent and a matrix, in both orders, each as it is or transposed."""
    flat = {n: v for n, v in values.items() if v.ndim >= 2}
    turned = flat | {f"{n}.T": np.swapaxes(v, -1, -2) for n, v in flat.items()}
    for a, b in combinations([*turned, *turned], 2):
        if (a in ("g", "g.T")) == (b in ("g", "g.T")):
            continue
        try:
            yield Formula((a, b), turned[a] @ turned[b], matrix=True)
        except ValueError:
            continue


def fitted(formula: Formula, shape: tuple[int, ...]) -> Iterator[Formula]:
    """The ways to bring a product to the shape: as it is, or a sum, mean or piece of some dims."""
    array = formula.array
    if array.shape == shape:
        yield formula
    size = int(np.prod(shape))
    for count in range(1, array.ndim + 1):
        for dims in combinations(range(array.ndim), count):
            if array.size != size * int(np.prod([array.shape[d] for d in dims])):
                continue
            first = tuple(0 if d in dims else slice(None) for d in range(array.ndim))
            last = tuple(-1 if d in dims else slice(None) for d in range(array.ndim))
            where = f"over dim{'s' if count > 1 else ''} {', '.join(map(str, dims))}"
            for fit, reduced in (
                (f"summed {where}", array.sum(dims)),
                (f"the mean {where}", array.mean(dims)),
                (f"the first piece {where}", array[first]),
                (f"the last piece {where}", array[last]),
            ):
                yield Formula(formula.factors, reduced.reshape(shape), formula.matrix, fit)


# ---- a Function of the user ----------------------------------------------------------------------


def host(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.device.to_host(tensor.array), dtype=np.float64)


def wrong_saved(case: Case, outs: list, leaf: Any, weights: list) -> str:
    """Which saved tensor must be another one: the user's backward runs again with others instead.

    `outs` are results of a fresh call; `leaf` is the node of the input.
    """
    node: Any = outs[0].node if len(outs) == 1 else None
    if not isinstance(getattr(node, "op", None), UserOp) or leaf not in node.edges:
        return ""
    at, user, device = node.edges.index(leaf), node.op, node.device
    saved = [Tensor(a, device) if hasattr(a, "shape") else a for a in node.kept[0]]
    g = Tensor(device.asarray(weights[0]), device)
    before = [host(s) if isinstance(s, Tensor) else None for s in saved]
    run_again(user, device, g, saved, at)
    for i, (s, old) in enumerate(zip(saved, before)):
        if old is not None and not np.array_equal(host(s), old):
            return f"backward changes saved tensor {i} in place: make a copy and change that."
    for i, old in enumerate(before):
        for name, value in case.values.items():
            if old is None or value.shape != old.shape or np.array_equal(value, old):
                continue
            given = run_again(user, device, g, replaced(saved, i, value), at)
            if given is not None and case.right(given):
                return kept_instead(case, i, name, old)
    return ""


def replaced(saved: list, i: int, value: np.ndarray) -> list:
    """The saved tensors with another one at place i."""
    device = saved[i].device
    return [*saved[:i], Tensor(device.asarray(value), device), *saved[i + 1 :]]


def kept_instead(case: Case, i: int, name: str, old: np.ndarray) -> str:
    held = next((n for n, v in case.values.items() if np.array_equal(v, old)), None)
    if held is None:
        return (
            f"A wrong value is kept: with {name} as saved tensor {i}, backward is right. What is"
            " saved there is neither an input nor the output: was it changed in place?"
        )
    return f"A wrong value is kept: saved tensor {i} is {held}, and must be {name}."


def run_again(user: Any, device: Any, g: Tensor, saved: list, at: int) -> np.ndarray | None:
    """What the user's backward gives for one input, with these saved tensors."""
    try:
        piece = user.run(device, [g], saved, {0: g})[at]
        return None if piece is None else host(piece)
    except Exception:  # a value that does not fit raises in the user's code: it was not that one
        return None
