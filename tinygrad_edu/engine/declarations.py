"""What a declaration must hold: checked once, when it is imported."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .device import registry

# names that the text of a call uses itself, besides those in its scope
RESERVED = {"device", "node", "alike", "recording", "unknown", "more", "op"}


def check_inputs(op: Any) -> None:
    """Refuse an op of which no argument is a tensor."""
    if not op.inputs:
        raise TypeError(f"{op.name}: needs an input, got none. Annotate one with Array.")


def check_reserved(op: Any, scope: Collection[str]) -> None:
    """Refuse argument names that the text of the call uses itself."""
    names = {*op.order, *op.outs, *op.residuals} - {"inf", "nan"}  # these stand in defaults alone
    taken = names & ({*scope} | RESERVED)
    if taken:
        raise TypeError(f"{op.name}: the call uses the names {taken} itself. Rename the argument.")


def check_new(name: str, known: Collection[str]) -> None:
    """Refuse a second declaration of one name."""
    if name in known:
        raise TypeError(f"op: {name!r} is declared twice. Choose another name.")


def check_formulas(op: Any, formulas: Collection[str]) -> None:
    """Refuse formulas that are not one for each input."""
    if {*formulas} != {*op.inputs}:
        raise TypeError(
            f"{op.name}.vjp: needs one formula per input {tuple(op.inputs)}, got"
            f" {tuple(formulas)}. Give None where there is no gradient."
        )


def check_named(op: Any, name: str, names: list[str]) -> None:
    """Refuse a formula that names what no call has."""
    known = {"F", "gs" if op.several else "g", *op.places}
    unknown = [n for n in names if n not in known]
    if unknown:
        raise TypeError(
            f"{op.name}.vjp: the formula of {name} names {unknown}, which is none of"
            f" {sorted(known)}. Rename it."
        )


def unfinished() -> list[str]:
    """Ops that have neither formulas nor differentiable=False: an error once all are declared."""
    ops = {op.name: op for op in registry.values() if hasattr(op, "vjp")}
    return [name for name, op in ops.items() if op.differentiable and not op.kept]
