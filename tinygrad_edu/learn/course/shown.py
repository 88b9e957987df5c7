"""A case as a learner reads it: values or shapes in place of names that only the exercise knows."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ...engine.tensor import Tensor

FEW = 6  # numbers that are written out
SHORT = 120  # characters of other values


def shown(case: str, own: str, names: Mapping[str, Any]) -> str:
    """The case with its data written out: `sum_to(<array of shape (3, 4)>, (4,))`.

    Args:
        case: a Python expression
        own: the name that the learner defines, which stays
        names: what the expression may name
    """
    given = {n for n, v in names.items() if n != own and not isinstance(v, ModuleType)}
    return ast.unparse(Shown(given, own, names).visit(ast.parse(case, mode="eval")))


class Shown(ast.NodeTransformer):
    """Replaces the largest parts that name data of the exercise and nothing of the learner's."""

    def __init__(self, given: set[str], own: str, names: Mapping[str, Any]):
        self.given, self.own, self.names = given, own, names

    def generic_visit(self, node: ast.AST) -> ast.AST:
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        if isinstance(node, ast.expr) and self.own not in used and used & self.given:
            text = self.value(node)
            if text is not None:
                return ast.Name(text)
        return super().generic_visit(node)

    visit_Name = generic_visit

    def value(self, node: ast.expr) -> str | None:
        """The part's value in few words; None where there are none."""
        try:
            return in_words(eval(ast.unparse(node), dict(self.names)))
        except Exception:  # noqa: BLE001  # a part such as the body of a lambda has no value alone
            return None


def in_words(value: Any) -> str | None:
    """A value as it can stand in a call; None if it is long or no data."""
    if isinstance(value, (np.ndarray, Tensor)):
        kind = "tensor" if isinstance(value, Tensor) else "array"
        size = int(np.prod(value.shape))
        if size > FEW:
            return f"<{kind} of shape {tuple(value.shape)}>"
        flag = ", requires_grad=True" if getattr(value, "requires_grad", False) else ""
        return f"{kind}({rounded(value.tolist())}{flag})"
    if callable(value) or isinstance(value, type):
        return None
    text = repr(value)
    return text if len(text) <= SHORT else None


def rounded(value: Any) -> Any:
    """Numbers with four digits, in lists of lists."""
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
