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
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from .backward import walk
from .border import UNPLANNED, explain, planned
from .call import check_reserved, compiled, sizes, write
from .case import Case
from .device import Device, functional, registry
from .graph import Node, Output
from .into import into
from .names import OPERATORS, RENAMED, check_names
from .tensor import Tensor
from .views import inplace_form

if TYPE_CHECKING:
    Array = Any  # a forward gets raw arrays; users give Tensors, arrays or numbers
    Sizes = Any  # several ints, one after another or in a sequence
else:
    Array = type("Array", (), {"__module__": "builtins"})  # help() then prints plain `Array`
    Sizes = type("Sizes", (), {"__module__": "builtins"})

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
Results = TypeVar("Results", bound=tuple)


class OpFunction(Protocol[P, R]):
    """A declared op as a type checker sees it: the declared arguments, without `xp`."""

    __name__: str
    op: Any
    forward: Callable

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self, *args: Any, out: Any, **kwargs: Any) -> R: ...
    def vjp(self, **formulas: Callable | None) -> None: ...
    def vjp_all(self, formula: Callable) -> None: ...


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
        self.attrs = [name for name in kinds if name not in self.inputs]
        if not self.inputs:
            raise TypeError(f"{self.name}: needs an input, got none. Annotate one with Array.")
        self.optional = {p.name for p in self.parameters if p.default is None} & {*self.inputs}
        self.defaults = {p.name: p.default for p in self.parameters if p.name in self.attrs}
        self.variadic = "Sequence" in kinds[self.inputs[0]]
        self.sizes = next((name for name, kind in kinds.items() if kind == "Sizes"), None)
        self.raw = [f"x{i}" for i in range(len(self.inputs))]
        self.ends = [f"e{i}" for i in range(len(self.inputs))]
        outs = ("out",) if self.any_number else self.outs
        self.write_arguments()
        shape = "[t.shape for t in {}]" if self.variadic else "{}.shape"
        raw = dict(zip(self.inputs, self.raw))
        number = "getattr({}, 'shape', ())" if self.mixes and not self.variadic else shape
        shapes = {
            f"{name}_shape": (number if name in self.optional or self.mixes else shape).format(x)
            for name, x in raw.items()
        }
        self.places = raw | shapes | {n: n for n in (*outs, *self.residuals, *self.attrs)}

    def write_arguments(self) -> None:
        """The arguments as the text has them: in the head of the call, and as it passes them on."""
        raw, head, passed, keyword, missing = dict(zip(self.inputs, self.raw)), [], [], False, []
        for p in self.parameters:
            if p.kind is p.KEYWORD_ONLY and not keyword:
                keyword = True
                if not self.sizes:
                    head.append("*")
            needed = p.default is p.empty
            if needed and p.name not in self.inputs and p.name != self.sizes:
                missing.append(f"{p.name} is REQUIRED")
            late = missing and needed or p.name == self.sizes and needed
            default = "" if needed and not late else f"={p.default!r}"
            head.append(p.name + ("=REQUIRED" if late else default))
            if p.name == self.sizes:
                head.append("*more")
                if needed:
                    missing.append(f"{p.name} is REQUIRED")
            value = raw.get(p.name, p.name)
            passed.append(f"{p.name}={value}" if keyword else value)
        self.written = ", ".join([*head, "**unknown"])
        self.irregular = " or ".join(["unknown", *missing])
        self.passed = ", ".join(passed)
        self.named_attrs = ", ".join(f"{name}={name}" for name in self.attrs)

    def write(self) -> None:
        """Write the call out, and put it into the function that users have."""
        self.text = write(self)
        self.function.__code__ = compiled(self, self.name, self.text).__code__

    def bind(self, device: Device) -> Callable:
        """The raw function for a device's table, returning (out, *residuals) if there are any."""
        if self.slot:
            return getattr(device.xp, self.slot)
        return partial(self.forward, device.xp)

    # ---- the way back ----

    def vjp(self, **formulas: Callable | None) -> None:
        """Give the formula of each input; None where no gradient flows. Checked at import."""
        if set(formulas) != set(self.inputs):
            raise TypeError(
                f"{self.name}.vjp: needs one formula per input {tuple(self.inputs)}, got"
                f" {tuple(formulas)}. Give None where there is no gradient."
            )
        if self.variadic:
            self.vjp_all(formulas[self.inputs[0]])  # type: ignore[arg-type]
            return
        rules = [self.rule(name, formulas[name]) for name in self.inputs]
        asked = [f"{e} is not None" if f else "False" for e, (f, _) in zip(self.ends, rules)]
        self.install(rules, asked, "({},)")

    def vjp_all(self, formula: Callable) -> None:
        """Give one formula that returns the cotangents of all inputs."""
        self.joint = True
        self.install([self.rule("all inputs", formula)], ["True"], "{}")

    def rule(self, name: str, formula: Callable | None) -> tuple[Callable | None, list[str]]:
        """A formula and what it names."""
        names = list(inspect.signature(formula).parameters) if formula else []
        known = {"F", "gs" if self.several else "g", *self.places}
        unknown = [n for n in names if n not in known]
        if unknown:
            raise TypeError(
                f"{self.name}.vjp: the formula of {name} names {unknown}, which is none of"
                f" {sorted(known)}. Rename it."
            )
        return formula, names

    def install(self, rules: list, asked: list[str], collected: str) -> None:
        """Write out the call, which keeps what the formulas name where an input asks for it, and
        `pull` and `pull_recorded`, which apply them.
        """
        own = {"F": "F", "g": "g", "gs": "g"}
        rows = [[n for n in names if n not in own] for _, names in rules]
        self.kept_names = rows
        named = {n for row in rows for n in row}
        arrays = {*self.inputs, *self.outs, *self.residuals}
        self.keeps, self.keeps_input = bool(named & arrays), self.inputs[0] in named
        if self.reference:  # higher orders start again from the op's own arguments
            rows, asked = [*rows, [*self.inputs, *self.attrs]], [*asked, "True"]
            self.kept_names, self.keeps, self.keeps_input = rows, True, True
        picks = [
            f"({''.join(f'{self.places[n]}, ' for n in row)}) if {ask} else None, "
            for row, ask in zip(rows, asked)
        ]
        self.kept = f"({''.join(picks)})"
        self.write()
        plain, recorded = self.applied(rules, own)
        formulas = {f"f{i}": formula for i, (formula, _) in enumerate(rules)}
        texts = [collected.format(", ".join(row)) for row in (plain, recorded)]
        pull = f"def pull(F, g, k):\n    return {texts[0]}\n"
        self.pull = compiled(self, "pull", pull, **formulas)
        if self.reference:
            self.pull_recorded: Callable = partial(through_reference, self)
            return
        again = f"""\
def pull_recorded(node, F, g, k):
    device, edges = node.device, node.edges
    array_type = device.array_type
    return {texts[1]}
"""
        self.pull_recorded = compiled(self, "pull_recorded", again, **formulas, Output=Output)

    def applied(self, rules: list, own: dict) -> tuple[list[str], list[str]]:
        """Texts that apply each formula to what was kept: as it is, and returned to the graph."""
        plain, recorded = [], []
        for i, (formula, names) in enumerate(rules):
            if formula is None:
                plain.append("None")
                recorded.append("None")
                continue
            kept = [n for n in names if n not in own]
            values = {n: f"k[{i}][{kept.index(n)}]" for n in kept} | own
            lifted = {n: self.lifted(n, values[n]) for n in kept} | own
            call, guard = "f{}({})", f" if k[{i}] is not None else None"
            plain.append(call.format(i, ", ".join(values[n] for n in names)) + guard)
            recorded.append(call.format(i, ", ".join(lifted[n] for n in names)) + guard)
        return plain, recorded

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


def through_reference(op: Op, node: Node, F: Any, g: Any, kept: tuple) -> list:
    """Higher orders of a fused op: run the small ops it stands for, and differentiate those."""
    device, values, inputs = node.device, kept[-1], []
    for x, edge in zip(values, node.edges):
        is_array = type(x) is device.array_type
        inputs.append(F.alias(Tensor(x, device, edge)) if is_array else x)
    given = dict(zip((*op.inputs, *op.attrs), (*inputs, *values[len(inputs) :])))
    out = op.reference(F, **given)  # type: ignore[misc]
    roots = [(o.node, h) for o, h in zip(out, g)] if op.several else [(out.node, g)]
    ends = [getattr(x, "node", None) for x in inputs]
    found, _ = walk([(n, h) for n, h in roots if n], True, True, {end for end in ends if end})
    return [None if end is None else found.get(end) for end in ends]


class Composite(Declared):
    """A function made only of ops: `def mean(F, input, dim=None): ...`. Runs on Tensors and, inside
    formulas, on raw arrays.
    """

    inputs: tuple = ()
    keeps_input = differentiable = True
    elementwise = False

    def bind(self, device: Device) -> Callable:
        return partial(self.forward, device.F)


def composed(composite: Composite) -> Callable:
    """The function of a composite: its body on Tensors, with errors in its own words."""
    body, order, parameters = composite.forward, composite.order, composite.parameters
    at = next((i for i, p in enumerate(parameters) if str(p.annotation) == "Sizes"), None)
    keywords = any(p.kind is p.VAR_KEYWORD for p in parameters)

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not keywords and not kwargs.keys() <= {*order}:
            out = kwargs.pop("out", None)
            if out is not None:
                again = partial(call, *args, **kwargs)
                return into(composite.name, out, again, (*args, *kwargs.values()))
            renamed = composite.renamed
            kwargs = {renamed.get(k, k) if k not in order else k: v for k, v in kwargs.items()}
            check_names(composite, kwargs)
        if at is not None and len(args) > at:
            args = (*args[:at], sizes(args[at] if len(args) == at + 1 else args[at:]))
        try:
            return body(functional, *args, **kwargs)
        except UNPLANNED as error:
            worded = explain(composite.name, {**dict(zip(order, args)), **kwargs}, error)
            if worded is error or planned(error):
                raise
            raise worded from error

    return call


# ---- registration --------------------------------------------------------------------------------


def register(declared: Op | Composite, function: Any) -> Any:
    """Put a declared function where users, formulas and devices look for it."""
    name = declared.name
    if name in registry:
        raise TypeError(f"op: {name!r} is declared twice. Choose another name.")
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


def install_operator(symbol: str, function: Callable, inplace: Callable | None) -> None:
    """Python's operator methods: straight, reflected, augmented."""
    straight, reflected, augmented = OPERATORS[symbol]
    if symbol in ("==", "!="):

        def compare(a: Any, b: Any) -> Any:
            return NotImplemented if b is None or isinstance(b, str) else function(a, b)

        setattr(Tensor, straight, compare)
        return
    setattr(Tensor, straight, function)
    if reflected:
        commutes = symbol in "+*&|^"
        setattr(Tensor, reflected, function if commutes else lambda a, b: function(b, a))
    if augmented and inplace:
        setattr(Tensor, augmented, inplace)


def declare(forward: Callable, **options: Any) -> Any:
    """Make and register the function of an op."""
    declared = Op(forward, **options)
    check_reserved(declared)
    body = f"raise TypeError('{declared.name}: must have formulas, got none. Call its vjp().')"
    head = f"def {declared.name}({declared.written}): {body}"  # until vjp() writes the call
    function: Any = compiled(declared, declared.name, head)
    function.vjp, function.vjp_all = declared.vjp, declared.vjp_all
    function.forward = forward  # the formula of raw arrays, for other forwards
    register(declared, function)
    if not declared.differentiable:
        declared.write()
    return function


# for type checkers: the declared arguments without `xp` or `F`; a Tensor unless there are `outputs`


@overload
def op(forward: Callable[Concatenate[Any, P], Any]) -> OpFunction[P, Tensor]: ...


@overload
def op(
    *, outputs: type[Results], **options: Any
) -> Callable[[Callable[Concatenate[Any, P], Any]], OpFunction[P, Results]]: ...


@overload
def op(
    *, outputs: tuple | bool, **options: Any
) -> Callable[[Callable[Concatenate[Any, P], Any]], OpFunction[P, tuple[Tensor, ...]]]: ...


@overload
def op(**options: Any) -> Callable[[Callable[Concatenate[Any, P], Any]], OpFunction[P, Tensor]]: ...


def op(forward: Callable | None = None, **options: Any) -> Any:
    """Declare an op. Options: those of `Op` and `Declared` (operator, method, inplace, alias,
    cases ...).
    """
    return partial(declare, **options) if forward is None else declare(forward, **options)


@overload
def piece(forward: Callable[Concatenate[Any, P], Any]) -> OpFunction[P, Any]: ...


@overload
def piece(**options: Any) -> Callable[[Callable[Concatenate[Any, P], Any]], OpFunction[P, Any]]: ...


def piece(forward: Callable | None = None, **options: Any) -> Any:
    """Declare an op for formulas and composites: in the table, tested, but no method and no public
    name.
    """
    options |= {"method": False, "is_piece": True}
    return partial(declare, **options) if forward is None else declare(forward, **options)


@overload
def composite(body: Callable[Concatenate[Any, P], R], **options: Any) -> OpFunction[P, R]: ...


@overload
def composite(**options: Any) -> Callable[[Callable[Concatenate[Any, P], R]], OpFunction[P, R]]: ...


def composite(body: Callable | None = None, **options: Any) -> Any:
    """Declare a function made only of other ops. Options: those of `Declared`."""
    if body is None:
        return partial(composite, **options)
    declared = Composite(body, **options)
    return register(declared, composed(declared))


def unfinished() -> list[str]:
    """Ops that have neither formulas nor differentiable=False: an error once all are declared."""
    ops = {o.name: o for o in registry.values() if isinstance(o, Op)}
    return [name for name, o in ops.items() if o.differentiable and not o.kept]
