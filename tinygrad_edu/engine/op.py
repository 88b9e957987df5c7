"""@op: one declaration makes a function, a method, an in-place form, a graph node and a row of
every test.

    @op(operator="*", types="promote", inplace=True, cases=[Case([2, 3], [3])])
    def mul(xp, input: Array, other: Array):   # Array: a tensor; all the rest: attributes
        return xp.multiply(input, other)       # raw arrays in, raw array out; xp: the array module

    mul.vjp(input=lambda g, other: g * other,  # what a formula names is what the graph keeps
            other=lambda g, input: g * input)

A formula may name `F` (the table of functions), `g` (the cotangent of the output; `gs`, a tuple,
when there are several outputs), any input, `out` (or an output's name), any residual, any
attribute, and `<input>_shape`.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any

from .call import SCOPE, write
from .case import Case
from .declarations import check_formulas, check_inputs, check_named, check_new, check_reserved
from .device import Device, functional, registry
from .names import RENAMED, install_operator
from .reference import through_reference
from .signatures import OpDecorator, PieceDecorator
from .tensor import Tensor
from .views import inplace_form
from .written import FIRST_CALL, compiled

if TYPE_CHECKING:
    Array = Any  # a forward gets raw arrays; users give Tensors, arrays or numbers
    Sizes = Any  # several ints, one after another or in a sequence
else:
    Array = type("Array", (), {"__module__": "builtins"})  # help() then prints plain `Array`
    Sizes = type("Sizes", (), {"__module__": "builtins"})

GIVEN = {"F": "F", "g": "g", "gs": "g"}  # what each formula gets without the graph keeping it


class Declared:
    """What ops and composites have in common: what the declaration says, for tests and docs."""

    def __init__(
        self,
        forward: Callable,
        *,
        operator: str = "",
        inplace: bool = False,
        method: bool = True,
        alias: tuple[str, ...] = (),
        torch: str | None = None,
        cases: list[Case] | tuple = (),
        is_piece: bool = False,
        also: dict[str, str] | None = None,
    ):
        self.name, self.forward, self.doc = forward.__name__, forward, inspect.getdoc(forward) or ""
        self.operator, self.has_inplace, self.is_method = operator, inplace, method
        self.alias, self.torch, self.cases, self.is_piece = alias, torch, list(cases), is_piece
        self.renamed = RENAMED | (also or {})  # further names of arguments
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        self.parameters = parameters
        self.order = tuple(p.name for p in parameters)
        self.signature = inspect.signature(forward).replace(parameters=parameters)
        self.function: Any = None
        self.inplace: Any = None


class Op(Declared):
    """What the engine knows of an op. `pull` applies its formulas, `keep` picks what they name.

    Args:   types: what inputs of different dtypes do: "same" (as they are), "promote", "float"
            (promote, integers become floats), "match" (they must agree). plain: inputs left out of
            that. view: the result may look into the input's memory. outputs: of several results
            the names, a class of named tuples, or True: as many as the forward returns. residuals:
            further arrays that the forward returns for the formulas. reference: the op made of
            small ops, for higher orders. elementwise: True, or a plain expression of the same
            values. slot: the array module's function that does all of the forward, which saves a
            call.
    """

    declared = True
    kept = ""  # text of what the formulas name, for each input that asks for it
    keeps = keeps_input = joint = False
    call: Any = None  # the function with the text, under whatever name users reach it
    kept_names: list = []

    def __init__(
        self,
        forward: Callable,
        *,
        types: str = "same",
        plain: tuple = (),
        view: bool = False,
        outputs: tuple | bool | type[tuple] = (),
        residuals: tuple = (),
        reference: Callable | None = None,
        differentiable: bool = True,
        elementwise: bool | Callable = False,
        slot: str | None = None,
        **shared: Any,
    ):
        super().__init__(forward, **shared)
        self.types, self.plain, self.view, self.several = types, plain, view, bool(outputs)
        self.any_number = outputs is True
        names = getattr(outputs, "_fields", outputs)
        self.outputs: tuple = names if isinstance(names, tuple) else ()
        self.outs: tuple = self.outputs or ("out",)
        self.result_type: Any = namedtuple(self.name, self.outputs) if self.outputs else tuple
        if isinstance(outputs, type):
            self.result_type = outputs
        self.residuals, self.reference = residuals, reference
        self.differentiable, self.elementwise = differentiable, elementwise
        self.slot = slot
        self.mixes = types in ("promote", "float")  # takes numbers beside tensors
        self.read()

    def read(self) -> None:
        """Find inputs and attributes; name what the call's text in call.py handles."""
        kinds = {p.name: str(p.annotation) for p in self.parameters}
        self.inputs = [name for name, kind in kinds.items() if "Array" in kind]
        check_inputs(self)
        self.attrs = [name for name in kinds if name not in self.inputs]
        self.optional = {p.name for p in self.parameters if p.default is None} & {*self.inputs}
        self.defaults = {p.name: p.default for p in self.parameters if p.name in self.attrs}
        self.variadic = "Sequence" in kinds[self.inputs[0]]
        self.sizes = next((name for name, kind in kinds.items() if kind == "Sizes"), None)
        self.raw = [f"x{i}" for i in range(len(self.inputs))]
        self.ends = [f"e{i}" for i in range(len(self.inputs))]
        shape = "getattr({}, 'shape', ())" if self.mixes else "{}.shape"
        if self.variadic:
            shape = "[t.shape for t in {}]"
        # where the text finds what a formula names
        self.places = dict(zip(self.inputs, self.raw))
        self.write_arguments()
        self.places |= {f"{n}_shape": shape.format(x) for n, x in self.places.items()}
        outs = ("out",) if self.any_number else self.outs
        self.places |= {n: n for n in (*outs, *self.residuals, *self.attrs)}

    def write_arguments(self) -> None:
        """The arguments as the text has them: in the head of the call, and as it passes them on."""
        head, passed, missing, keyword = [], [], [], False
        for p in self.parameters:
            if p.kind is p.KEYWORD_ONLY and not keyword:
                keyword = True
                head += [] if self.sizes else ["*"]
            needed = p.default is p.empty
            if needed and p.name in self.attrs:
                missing.append(f"{p.name} is REQUIRED")
            default = f"={p.default!r}" if not needed else "=REQUIRED" if missing else ""
            head.append(p.name + default)
            if p.name == self.sizes:
                head.append("*more")
            value = self.places.get(p.name, p.name)
            passed.append(f"{p.name}={value}" if keyword else value)
        self.written = ", ".join([*head, "**unknown"])
        self.irregular = " or ".join(["unknown", *missing])
        self.passed = ", ".join(passed)
        self.named_attrs = ", ".join(f"{name}={name}" for name in self.attrs)

    @property
    def text(self) -> str:
        """The call, written out."""
        return write(self)

    def write(self) -> Callable:
        """Put the call into the function that users have, and return it."""
        if self.differentiable and not self.kept_names:
            raise TypeError(f"{self.name}: must have formulas, got none. Call its vjp().")
        made, function = compiled(self, self.name, self.text, SCOPE), self.call
        function.__defaults__, function.__kwdefaults__ = made.__defaults__, made.__kwdefaults__
        function.__code__ = made.__code__
        return function

    def bind(self, device: Device) -> Callable:
        """The raw function for a device's table, returning (out, *residuals) if there are any."""
        if self.slot:
            return getattr(device.xp, self.slot)
        return partial(self.forward, device.xp)

    # ---- the way back ----

    def vjp(self, **formulas: Callable | None) -> None:
        """Give the formula of each input; None where no gradient flows. Checked at import."""
        check_formulas(self, formulas)
        if self.variadic:
            self.vjp_all(formulas[self.inputs[0]])  # type: ignore[arg-type]
            return
        asked = [
            f"{end} is not None" if formulas[name] else "False"
            for name, end in zip(self.inputs, self.ends)
        ]
        self.install({name: formulas[name] for name in self.inputs}, asked)

    def vjp_all(self, formula: Callable) -> None:
        """Give one formula that returns the cotangents of all inputs."""
        self.joint = True
        self.install({"all inputs": formula}, ["True"])

    def install(self, formulas: dict[str, Callable | None], asked: list[str]) -> None:
        """Say what the call keeps, which is what the formulas name where an input asks for it, and
        write out `pull` and `pull_recorded`, which apply them.
        """
        given = [(f, [*inspect.signature(f).parameters] if f else []) for f in formulas.values()]
        for name, (_, names) in zip(formulas, given):
            check_named(self, name, names)
        rows = [[n for n in names if n not in GIVEN] for _, names in given]
        arrays = {*self.inputs, *self.outs, *self.residuals}
        named = {n for row in rows for n in row}
        self.keeps, self.keeps_input = bool(named & arrays), self.inputs[0] in named
        if self.reference:  # higher orders start again from the op's own arguments
            rows, asked = [*rows, [*self.inputs, *self.attrs]], [*asked, "True"]
            self.keeps = self.keeps_input = True
        self.kept_names = rows
        picks = [
            f"({''.join(f'{self.places[n]}, ' for n in row)}) if {ask} else None, "
            for row, ask in zip(rows, asked)
        ]
        self.kept = f"({''.join(picks)})"
        scope = {f"f{i}": formula for i, (formula, _) in enumerate(given)} | SCOPE
        form = "{}" if self.joint else "({},)"
        plain = form.format(", ".join(self.applied(i, *pair) for i, pair in enumerate(given)))
        self.pull = compiled(self, "pull", f"def pull(F, g, k):\n    return {plain}\n", scope)
        if self.reference:
            self.pull_recorded: Callable = partial(through_reference, self)
            return
        lifted = (self.applied(i, *pair, lift=True) for i, pair in enumerate(given))
        again = f"""\
def pull_recorded(node, F, g, k):
    device, edges = node.device, node.edges
    array_type = device.array_type
    return {form.format(", ".join(lifted))}
"""
        self.pull_recorded = compiled(self, "pull_recorded", again, scope)

    def applied(self, i: int, formula: Callable | None, names: list, lift: bool = False) -> str:
        """Text that applies formula i to what was kept: as it is, or returned to the graph."""
        if formula is None:
            return "None"
        kept = [n for n in names if n not in GIVEN]
        values = {n: f"k[{i}][{at}]" for at, n in enumerate(kept)}
        if lift:
            values = {n: self.lifted(n, value) for n, value in values.items()}
        arguments = ", ".join((values | GIVEN)[n] for n in names)
        return f"f{i}({arguments}) if k[{i}] is not None else None"

    def lifted(self, name: str, value: str) -> str:
        """Text that returns a kept array to its place in the graph."""
        if name in self.inputs and not self.variadic:
            end = f"edges[{self.inputs.index(name)}]"
        elif name in self.outs:
            end = f"Output(node, {self.outs.index(name)})" if self.several else "node"
        elif name in self.residuals or self.variadic and name in self.inputs:
            end = "None"
        else:
            return value  # a shape or an attribute
        return f"(Tensor({value}, device, {end}) if type({value}) is array_type else {value})"


# ---- registration --------------------------------------------------------------------------------


def register(declared: Any, function: Any) -> Any:
    """Put a declared function where users, formulas and devices look for it."""
    name = declared.name
    check_new(name, registry)
    update_wrapper(function, declared.forward)  # __wrapped__: source and editors find the maths
    function.__signature__, function.op = declared.signature, declared
    declared.function = function
    inplace = None
    if declared.has_inplace:
        inplace = declared.inplace = inplace_form(name + "_", function, declared)
    for known in (name, *declared.alias):
        registry[known] = declared
        setattr(functional, known, function)
        if declared.is_method:
            setattr(Tensor, known, function)
        if inplace is not None:
            setattr(Tensor, known + "_", inplace)
    if declared.operator:
        install_operator(declared.operator, function, inplace)
    return function


def decorator(declare: Callable) -> Any:
    """`@name` and `@name(option=...)`."""

    def decorate(forward: Callable | None = None, **options: Any) -> Any:
        return partial(declare, **options) if forward is None else declare(forward, **options)

    decorate.__doc__ = declare.__doc__
    return decorate


def declare(forward: Callable, **options: Any) -> Any:
    """Declare an op. Options: those of `Op` and `Declared` (operator, method, inplace, alias,
    cases ...).
    """
    declared = Op(forward, **options)
    check_reserved(declared, SCOPE)
    function: Any = compiled(declared, "first_call", FIRST_CALL, SCOPE)
    declared.call = function
    function.vjp, function.vjp_all = declared.vjp, declared.vjp_all
    function.forward = forward  # the formula of raw arrays, for other forwards
    return register(declared, function)


def declare_piece(forward: Callable, **options: Any) -> Any:
    """Declare an op for formulas and composites: in the table, tested, but no method and no public
    name.
    """
    return declare(forward, **options, method=False, is_piece=True)


op: OpDecorator = decorator(declare)
piece: PieceDecorator = decorator(declare_piece)
