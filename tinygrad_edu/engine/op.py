"""@op: one declaration makes an op a function, a method, an in-place form, a graph node and a row
of every test.

    @op(operator="*", types="promote", inplace=True)
    def mul(xp, a, b, /):                 # before "/": tensors; after it: attributes
        return xp.multiply(a, b)          # raw arrays in, raw array out; xp is the device's array module

    mul.vjp(a=lambda g, b: g * b,         # one formula per input; what it names is what the graph keeps
            b=lambda g, a: g * a)

A formula may name `F` (the table of functions), `g` (the cotangent; `gs`, a tuple, when there are
several outputs), any input, `out` (or an output's name), any residual, any attribute, and
`<input>_shape`.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .backward import Node, Output, check_forward, clock, functional, mode, walk
from .call import NUMBERS, make_binary, make_pullback, make_unary
from .case import Case
from .device import registry
from .dtype import PYTHON, result_dtype
from .errors import DeviceError, DTypeError, GraphError, explain
from .names import OPERATORS, RENAMED
from .tensor import Tensor, as_tensor
from .views import make_inplace, remember_view


if TYPE_CHECKING:
    Array = Any  # a forward gets raw arrays; users give Tensors, arrays or numbers
    Sizes = Any  # several ints, one after another or in a sequence
else:
    Array = type("Array", (), {"__module__": "builtins"})  # help() then prints plain `Array`
    Sizes = type("Sizes", (), {"__module__": "builtins"})


class Op:
    """A declared op.

    `function` is what users call; `forward` what a device's table holds until a kernel takes its
    place.
    """

    reference: Callable | None = None
    quick: Callable | None = None  # the call path without attributes

    def __init__(
        self,
        forward: Callable,
        *,
        types: str = "same",
        plain: tuple = (),
        operator: str | None = None,
        method: bool = True,
        inplace: bool = False,
        view: bool = False,
        outputs: tuple | bool = (),
        residuals: tuple = (),
        reference: Callable | None = None,
        differentiable: bool = True,
        varargs: str | None = None,
        variadic: bool = False,
        internal: bool = False,
        alias: tuple = (),
        torch: str | None = None,
        elementwise: bool | Callable = False,
        cases: list[Case] | tuple = (),
    ):
        self.is_piece, self.alias, self.torch = internal, alias, torch
        self.elementwise = elementwise
        self.name, self.forward, self.doc = forward.__name__, forward, inspect.getdoc(forward) or ""
        self.types, self.plain_inputs, self.view, self.operator, self.is_method = (
            types,
            plain,
            view,
            operator,
            method,
        )
        self.outputs, self.residuals, self.reference, self.cases = (
            outputs,
            residuals,
            reference,
            list(cases),
        )
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        kinds = {p.name: str(p.annotation) for p in parameters}
        inputs = [p for p in parameters if p.kind is p.POSITIONAL_ONLY or "Array" in kinds[p.name]]
        self.inputs = tuple(p.name for p in inputs)
        self.optional = tuple(p.name for p in inputs if p.default is None)
        self.defaults = {p.name: p.default for p in parameters if p not in inputs}
        self.order = tuple(kinds)  # of a call's arguments
        self.variadic = variadic or any("list[Array]" in kind for kind in kinds.values())
        self.varargs = varargs or next((n for n, kind in kinds.items() if kind == "Sizes"), None)
        self.leading = self.order[: len(self.inputs)] == self.inputs
        outs = outputs if isinstance(outputs, tuple) and outputs else ("out",)
        self.saved_names = (*self.inputs, *outs, *residuals)
        self.result_type = (
            namedtuple(self.name, outputs) if isinstance(outputs, tuple) and outputs else tuple
        )  # type: ignore[misc]
        self.rules: tuple | None = None if differentiable else ()
        self.needs: tuple = ()  # per input: which of saved_names its formula names
        self.keeps = self.plain = False
        register(self, inplace)

    def vjp(self, **formulas: Callable | None) -> Op:
        """Give the formula of each input (None: no gradient flows there). Checked here, at import."""
        if set(formulas) != set(self.inputs):
            raise TypeError(
                f"{self.name}.vjp: needs one formula per input {self.inputs}, got"
                f" {tuple(formulas)}. Give None where there is no gradient."
            )
        frame = ("F", "gs" if self.outputs else "g", *self.saved_names)
        full = (*frame, *(f"{name}_shape" for name in self.inputs), *self.defaults)
        rules, needs, wanted = [], [], set()
        for name in self.inputs:
            formula = formulas[name]
            wants = [] if formula is None else list(inspect.signature(formula).parameters)
            unknown = [w for w in wants if w not in full]
            if unknown:
                raise TypeError(
                    f"{self.name}.vjp: the formula of {name} names {unknown}, which is none of"
                    f" {full}. Rename it."
                )
            rules.append((formula, picker([full.index(w) for w in wants])))
            needs.append(tuple(w in wants for w in self.saved_names))
            wanted |= set(wants)
        if self.reference is not None:
            needs = [tuple(w or i < len(self.inputs) for i, w in enumerate(row)) for row in needs]
        self.rules, self.needs = tuple(rules), tuple(needs)
        self.keeps = any(any(row) for row in needs)
        self.keeps_outputs = any(any(row[len(self.inputs) :]) for row in needs)
        self.plain = wanted <= set(frame)
        if len(self.inputs) == 2 and not (
            self.outputs or self.residuals or self.reference or self.variadic
        ):
            self.pullback = make_pullback(self)  # type: ignore[method-assign]
        if self.quick is not None:  # its closure was made before the formulas were known
            self.quick.keep[:] = (
                self.kept(True)
                if len(self.inputs) == 1
                else [self.kept(bool(i & 1), bool(i & 2)) for i in range(4)]
            )  # type: ignore[attr-defined]
        return self

    def vjp_all(self, formula: Callable) -> Op:
        """Give one formula that returns the cotangents of all inputs."""
        wants = list(inspect.signature(formula).parameters)
        self.vjp(**dict.fromkeys(self.inputs, formula))
        rules, frame = self.rules, ("F", "gs" if self.outputs else "g", *self.saved_names)
        full = (*frame, *(f"{name}_shape" for name in self.inputs), *self.defaults)
        pick = picker([full.index(w) for w in wants])
        del rules

        def once(node: Node, F: Any, g: Any, create_graph: bool) -> Any:
            if create_graph and self.reference is not None:
                return through_reference(self, node, g)
            saved = node.saved
            if create_graph:
                ends = (*node.parents, *self.ends(node))
                saved = [
                    Tensor(v, node.device, end) if type(v) is node.device.array_type else v
                    for v, end in zip(saved, ends)
                ]
            if self.outputs:
                blank = (
                    (lambda *a: Tensor(node.device.F.zeros_raw(*a), node.device))
                    if create_graph
                    else F.zeros_raw
                )
                g = tuple(
                    g[i] if i in g else blank(shape, dtype) if dtype.kind == "f" else None
                    for i, (shape, dtype) in enumerate(node.outs)
                )
            pieces = formula(*pick((F, g, *saved, *node.shapes, *node.attrs.values())))
            return [
                None if parent is None else piece for parent, piece in zip(node.parents, pieces)
            ]

        self.pullback = once  # type: ignore[method-assign]
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)  # type: ignore[attr-defined]

    def kept(self, *needed: bool) -> tuple[bool, ...]:
        """Which of saved_names must be kept if these inputs need gradients."""
        rows = [row for row, n in zip(self.needs, needed) if n] or [
            (False,) * len(self.saved_names)
        ]
        return tuple(any(column) for column in zip(*rows))

    def bind(self, device: Any) -> Callable:
        """The raw function for a device's table.

        With residuals, `<op>_full` returns (out, *residuals).
        """
        if self.residuals:
            return lambda *args, **attrs: getattr(device.F, self.name + "_full")(*args, **attrs)[0]
        return direct(self, device.xp) or partial(self.forward, device.xp)

    def input_name(self, i: int) -> str:
        return f"input {self.inputs[i]}"

    def pullback(self, node: Node, F: Any, g: Any, create_graph: bool) -> list:
        """Apply the formulas: the cotangent of each input that needs one."""
        if create_graph and self.reference is not None:
            return through_reference(self, node, g)
        if self.variadic:  # one formula gives the list of all pieces
            formula, pick = self.rules[0]  # type: ignore[index]
            return formula(
                *pick((F, g, *(None,) * len(self.saved_names), node.shapes, *node.attrs.values()))
            )
        saved, parents = node.saved, node.parents
        # inputs are reconnected to where they came from, an output to this very node; residuals are
        # constants
        if create_graph:
            array_type, device = node.device.array_type, node.device
            ends = (
                parents if self.plain and not self.keeps_outputs else (*parents, *self.ends(node))
            )
            saved = [
                Tensor(v, device, end) if type(v) is array_type else v
                for v, end in zip(saved, ends)
            ]
        if self.outputs:
            blank = (
                (lambda *a: Tensor(node.device.F.zeros_raw(*a), node.device))
                if create_graph
                else F.zeros_raw
            )
            g = tuple(
                g[i] if i in g else blank(shape, dtype) if dtype.kind == "f" else None
                for i, (shape, dtype) in enumerate(node.outs)
            )  # type: ignore[attr-defined]
        frame = (F, g, *saved) if self.plain else (F, g, *saved, *node.shapes, *node.attrs.values())
        try:
            return [
                formula(*pick(frame)) if parent is not None and formula is not None else None
                for (formula, pick), parent in zip(self.rules, parents)
            ]  # type: ignore[arg-type]
        except Exception as error:
            raise self.failed(node, frame, error) from error

    def failed(self, node: Node, frame: tuple, error: Exception) -> GraphError:
        """Name the formula that raised, and the forward line if anomaly mode knows it."""
        names = ", ".join(
            name
            for name, rule, parent in zip(self.inputs, self.rules, node.parents)
            if parent is not None and rule[0] is not None
        )  # type: ignore[arg-type]
        return GraphError(
            f"{self.name}: the vjp formulas of {names} failed with {type(error).__name__}:"
            f" {error}{node.where or ''}. Check these formulas."
        )

    def ends(self, node: Node) -> tuple:
        """Where the kept outputs and residuals of a node come from, in a recorded backward pass."""
        if not self.outputs:
            return (node, *(None,) * len(self.residuals))
        return tuple(
            Output(node, i) if dtype.kind == "f" else None for i, (_, dtype) in enumerate(node.outs)
        )  # type: ignore[attr-defined]

    # ---- the general call path ----

    def arguments(self, args: tuple, kwargs: dict) -> tuple[list, dict]:
        """Sort a call's arguments into inputs and attributes, in declared order."""
        order = self.order
        if len(args) > len(order) or (
            self.varargs
            and len(args) > order.index(self.varargs)
            and isinstance(args[order.index(self.varargs)], int)
        ):
            if self.varargs is None:
                raise DTypeError(
                    f"{self.name}: takes at most {len(order)} arguments {order}, got {len(args)}."
                    " Check the argument names against the op's docstring."
                )
            at = order.index(self.varargs)
            args = (*args[:at], tuple(args[at:]))
        given = dict(zip(order, args))
        for key, value in kwargs.items():
            if key not in order:
                key = self.renamed(key)
            if key in given:
                raise DTypeError(f"{self.name}: got {key!r} twice. Give it once.")
            given[key] = value
        inputs = [given.pop(name, None) for name in self.inputs]
        attrs = {**self.defaults, **given}
        if self.variadic:
            if not isinstance(inputs[0], (tuple, list)) or not inputs[0]:
                raise DTypeError(
                    f"{self.name}: needs a non-empty list or tuple of tensors, got"
                    f" {inputs[0]!r:.80}. Put the tensors in a list."
                )
            return list(inputs[0]), attrs
        for name, value in (*zip(self.inputs, inputs), *attrs.items()):
            if value is inspect.Parameter.empty or (
                value is None and name in self.inputs and name not in self.optional
            ):
                raise DTypeError(
                    f"{self.name}: needs the argument {name!r}, got"
                    f" {'None' if name in self.inputs and name in order[: len(args)] else 'nothing'}."
                    f" Its arguments are {', '.join(order)}."
                )
        return inputs, attrs

    def renamed(self, key: str) -> str:
        if key in RENAMED and RENAMED[key] in self.order:
            return RENAMED[key]
        if key in ("input", "self") and self.inputs:
            return self.inputs[0]
        if key in ("other", "tensor2", "mat2", "vec2") and len(self.inputs) > 1:
            return self.inputs[1]
        raise DTypeError(
            f"{self.name}: takes {', '.join(self.order)}, got the unknown argument {key!r}. Check"
            " the spelling."
        )

    def prepare(self, inputs: list) -> tuple[list, Any]:
        """Inputs as Tensors of one device (numbers and None stay), brought to one dtype where the
        op asks for it.
        """
        device = None
        for i, x in enumerate(inputs):
            if isinstance(x, Tensor):
                if device is None:
                    device = x.device
                elif x.device is not device:
                    where = ", ".join(
                        f"{n} on {x.device}"
                        for n, x in zip(self.inputs, inputs)
                        if isinstance(x, Tensor)
                    )
                    raise DeviceError(
                        f"{self.name}: inputs must be on one device, got {where}. Move them with"
                        " .to(device)."
                    )
            elif x is not None and type(x) not in NUMBERS:
                try:
                    inputs[i] = as_tensor(x)
                except TypeError as error:
                    raise DTypeError(
                        f"{self.name}: {self.inputs[i if i < len(self.inputs) else 0]} must be a"
                        f" tensor or a number, got {type(x).__name__}. Convert it with tensor()."
                    ) from error
        if device is None:
            inputs = [as_tensor(x) if x is not None else None for x in inputs]
            device = next(x for x in inputs if x is not None).device
        if self.types != "same":
            inputs = self.promote(inputs)
        return inputs, device

    def promote(self, inputs: list) -> list:
        """Cast inputs to the dtype PyTorch's promotion gives; `float` ops take integers to the
        default dtype.
        """
        chosen = [
            i
            for i in range(len(inputs))
            if inputs[i] is not None and (self.variadic or self.inputs[i] not in self.plain_inputs)
        ]
        tensors = [inputs[i] for i in chosen if isinstance(inputs[i], Tensor)]
        if not tensors:
            return inputs
        if self.types == "match":
            if any(x.array.dtype != tensors[0].array.dtype for x in tensors):
                names = ", ".join(f"{self.inputs[i]} {inputs[i].dtype.name}" for i in chosen)
                raise DTypeError(
                    f"{self.name}: inputs must have one dtype, got {names}. Convert them with"
                    " .to(dtype)."
                )
            return inputs
        dtype = result_dtype(
            [
                (x.array.dtype, x.array.ndim) if isinstance(x, Tensor) else x
                for x in (inputs[i] for i in chosen)
            ]
        )
        if self.types == "float" and dtype.kind != "f":
            dtype = PYTHON[float].numpy
        out = list(inputs)
        for i in chosen:
            x = inputs[i]
            if isinstance(x, Tensor) and x.array.dtype is not dtype:
                out[i] = functional.cast(x, dtype, x.array.dtype)  # type: ignore[attr-defined]
            elif (
                type(x) is int
                and x < 0
                and dtype.kind == "u"
                and self.operator in ("+", "-", "*", "//", "%")
            ):
                out[i] = x % 256  # PyTorch takes -1 for 255, NumPy refuses it
        return out

    def record(self, inputs: list, raw: list, outs: tuple, attrs: dict, device: Any) -> Node | None:
        """A node, if grad mode is on and an input needs gradients."""
        recording = mode.recording
        if not recording or not self.rules:
            return None
        parents = tuple(x.node if isinstance(x, Tensor) else None for x in inputs)
        needed = [p is not None for p in parents]
        if not any(needed):
            return None
        saved = (
            ()
            if self.variadic
            else tuple(v if k else None for k, v in zip(self.kept(*needed), (*raw, *outs)))
        )
        node = Node(
            self,
            parents,
            tuple(getattr(x, "shape", ()) for x in raw),
            saved,
            attrs,
            device,
            clock.now,
        )
        if recording is not True:
            check_forward(node, raw, list(outs))
        return node

    def general(self, *args: Any, **kwargs: Any) -> Any:
        inputs, attrs = self.arguments(args, kwargs)
        inputs, device = self.prepare(inputs)
        raw = [x.array if isinstance(x, Tensor) else x for x in inputs]
        try:
            slot = getattr(device.F, self.name + "_full" if self.residuals else self.name)
            if self.leading:
                r = slot(*([raw] if self.variadic else raw), **attrs)
            else:
                given = {**dict(zip(self.inputs, raw)), **attrs}
                r = slot(*[given[name] for name in self.order])
        except (
            Exception
        ) as error:  # whatever the array library raised is reworded with the call's shapes
            raise explain(self.name, {**dict(zip(self.inputs, inputs)), **attrs}, error) from error
        array_type = device.array_type
        if self.outputs:
            outs = tuple(v if type(v) is array_type else device.asarray(v) for v in r)
            node = self.record(
                inputs, raw, outs if isinstance(self.outputs, tuple) else (None,), attrs, device
            )
            if node is not None:
                node.outs = [(v.shape, v.dtype) for v in outs]  # type: ignore[attr-defined]
            results = [
                Tensor(
                    v, device, Output(node, i) if node is not None and v.dtype.kind == "f" else None
                )
                for i, v in enumerate(outs)
            ]
            return tuple(results) if self.result_type is tuple else self.result_type(*results)
        out, residuals = (r[0], tuple(r[1:])) if self.residuals else (r, ())
        out = out if type(out) is array_type else device.asarray(out)
        node = self.record(inputs, raw, (out, *residuals), attrs, device)
        result = Tensor(out, device, node if out.dtype.kind == "f" else None)
        if self.view and mode.recording:
            remember_view(result, inputs[0], self, attrs)
        return result


HANDS_ON = {
    f.__code__.co_code
    for f in (lambda xp, a: xp.f(a), lambda xp, a, b: xp.f(a, b), lambda xp, a, b, c: xp.f(a, b, c))
}


def direct(op: Op, xp: Any) -> Callable | None:
    """The function of xp itself, if handing it the inputs is all that `forward` does: that saves a
    Python call.
    """
    code = op.forward.__code__
    return getattr(xp, code.co_names[0]) if code.co_code in HANDS_ON and not op.defaults else None


def picker(positions: list[int]) -> Callable:
    """A function that takes those positions of a frame, as a tuple."""
    if len(positions) == 1:
        return lambda frame: (frame[positions[0]],)
    return itemgetter(*positions) if positions else lambda frame: ()


def through_reference(op: Op, node: Node, g: Any) -> list:
    """Higher orders of a fused op: differentiate its reference, made of small ops, at the same
    inputs.
    """
    fresh = [
        functional.alias(Tensor(v, node.device, p))
        if p is not None
        else Tensor(v, node.device)
        if type(v) is node.device.array_type
        else v  # type: ignore[attr-defined]
        for v, p in zip(node.saved, node.parents)
    ]
    out = (
        op.reference(functional, **dict(zip(op.inputs, fresh)), **node.attrs)
        if not op.leading
        else op.reference(functional, *fresh, **node.attrs)
    )  # type: ignore[misc]
    roots = [(out[i].node, gi) for i, gi in g.items()] if op.outputs else [(out.node, g)]
    targets = {
        x.node: i for i, x in enumerate(fresh) if isinstance(x, Tensor) and x.node is not None
    }
    found = dict(walk(roots, True, True, set(targets)))
    return [
        found.get(x.node) if isinstance(x, Tensor) and x.node is not None else None for x in fresh
    ]


# ---- registration --------------------------------------------------------------------------------


class Full:
    """The table slot `<op>_full` of an op with residuals: returns (out, *residuals)."""

    def __init__(self, op: Op):
        self.op = op

    def bind(self, device: Any) -> Callable:
        return partial(self.op.forward, device.xp)


class Composite:
    """A function made only of ops: `def mean(F, x, dim=None): ...`. Runs on Tensors and, inside
    formulas, on raw arrays.
    """

    inputs: tuple = ()

    def __init__(
        self,
        body: Callable,
        *,
        method: bool = True,
        inplace: bool = False,
        operator: str | None = None,
        alias: tuple = (),
        torch: str | None = None,
        cases: list | tuple = (),
    ):
        self.is_piece, self.alias, self.torch = False, alias, torch
        self.name, self.body, self.doc, self.cases = (
            body.__name__,
            body,
            inspect.getdoc(body) or "",
            list(cases),
        )
        self.is_method, self.operator = method, operator
        self.order = tuple(inspect.signature(body).parameters)[1:]
        register(self, inplace)

    def bind(self, device: Any) -> Callable:
        return partial(self.body, device.F)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)  # type: ignore[attr-defined]

    def general(self, *args: Any, **kwargs: Any) -> Any:
        for key in kwargs.keys() - set(self.order):
            new = (
                self.order[key == "other"]
                if key in ("input", "self", "other")
                else RENAMED.get(key)
            )
            if new in self.order:
                kwargs[new] = kwargs.pop(key)
        try:
            return self.body(functional, *args, **kwargs)
        except (IndexError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise explain(self.name, {**dict(zip(self.order, args)), **kwargs}, error) from error


def register(op: Any, inplace: bool) -> None:
    """Put an op into the registry, the functional namespace and, as method and operators, on
    Tensor.
    """
    name = op.name
    if name in registry:
        raise TypeError(f"op: {name!r} is declared twice. Choose another name.")
    registry[name] = op
    general = op.general
    if isinstance(op, Op) and op.residuals:
        registry[name + "_full"] = Full(op)
    simple = isinstance(op, Op) and not (
        op.variadic
        or op.residuals
        or op.outputs
        or op.view
        or op.optional
        or op.plain_inputs
        or op.types == "match"
    )
    if simple and len(op.inputs) < 3:
        quick = op.quick = (make_unary if len(op.inputs) == 1 else make_binary)(op)
        inputs = len(op.inputs)

        def call(*args: Any, **kwargs: Any) -> Any:
            return quick(*args) if len(args) == inputs and not kwargs else general(*args, **kwargs)

    else:
        quick = None

        def call(*args: Any, **kwargs: Any) -> Any:
            return general(*args, **kwargs)

    function: Any = call if quick is None or op.defaults else quick
    function.op, function.__doc__, function.__qualname__ = op, op.doc, name
    op.function = function
    setattr(functional, name, function)
    if op.is_method:
        setattr(Tensor, name, function)
    if inplace:
        op.inplace = make_inplace(op)
        setattr(Tensor, name + "_", op.inplace)
    if op.operator:
        straight, reflected, augmented = OPERATORS[op.operator]
        symbol = quick or function
        compares = op.operator in ("==", "!=")
        setattr(
            Tensor,
            straight,
            (
                (
                    lambda a, b: (
                        symbol(a, b) if b is not None and not isinstance(b, str) else NotImplemented
                    )
                )
                if compares
                else symbol
            ),
        )
        if reflected:
            setattr(Tensor, reflected, lambda a, b: symbol(b, a))
        if augmented and inplace:
            setattr(Tensor, augmented, op.inplace)


def op(forward: Callable | None = None, **options: Any) -> Any:
    """Declare an op. Options: types (same, promote, float, match), plain (inputs left out of
    promotion), operator, method, inplace, view, outputs, residuals, reference, differentiable,
    varargs, variadic, cases.
    """
    return partial(Op, **options) if forward is None else Op(forward, **options)


def composite(body: Callable | None = None, **options: Any) -> Any:
    """Declare a function made only of other ops. Options: method, inplace, operator, cases."""
    return partial(Composite, **options) if body is None else Composite(body, **options)


def piece(forward: Callable | None = None, **options: Any) -> Any:
    """Declare an op for formulas and composites: in the table, tested, but no method and no public name."""
    return op(forward, method=False, internal=True, **options)
