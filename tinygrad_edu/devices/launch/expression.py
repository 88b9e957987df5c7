"""C expressions from the forwards of elementwise ops: a forward is called with symbols for its
arrays and writes itself down.

    relu.forward(symbolic, Symbol("x"))  ->  max_nan(x, 0.0f)

So an op's maths stands in one place, its declaration, for NumPy and for the GPU. A forward that
asks for more than one element at a time (a sum, a shape) finds no such thing on a symbol and
raises: it must not be declared elementwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ...engine.dtype import bool_, float32

LETTER = {"float": float32.numpy, "bool": bool_.numpy}


def literal(value: Any) -> str:
    """A Python number as C."""
    if isinstance(value, bool):
        return "true" if value else "false"
    value = float(value)
    if math.isnan(value):
        return "__int_as_float(0x7fc00000)"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"{value!r}f" if value >= 0 else f"({value!r}f)"


class Symbol:
    """One element of an array, as C text.

    `kind` is the C type, float or bool; `parts` are the symbols it is made of.
    """

    __array_ufunc__ = None
    __hash__ = object.__hash__

    def __init__(self, form: str, kind: str = "float", parts: tuple[Any, ...] = ()):
        self.form, self.kind, self.parts = form, kind, parts

    @property
    def dtype(self) -> Any:
        return LETTER[self.kind]

    def astype(self, dtype: Any, copy: bool = True) -> Symbol:
        if dtype == self.dtype:
            return self
        if dtype == float32.numpy:
            return Symbol("({0} ? 1.0f : 0.0f)", "float", (self,))
        raise TypeError(f"no kernel has elements of {dtype}")

    def __bool__(self) -> bool:
        raise TypeError("a branch on an element is not elementwise")

    def __invert__(self) -> Symbol:
        return Symbol("!{0}", "bool", (self.only("bool"),))

    def __neg__(self) -> Symbol:
        return Symbol("-{0}", "float", (self.only("float"),))

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Symbol:
        return FUNCTIONS["absolute"](self)

    def only(self, kind: str) -> Symbol:
        """This symbol, as a value of that kind."""
        if self.kind == kind:
            return self
        if kind == "float":
            return self.astype(float32.numpy)
        raise TypeError("a float where a truth value is needed")


def symbol(value: Any) -> Symbol:
    """A symbol, or a number as one."""
    if isinstance(value, Symbol):
        return value
    if isinstance(value, (bool, int, float)) or getattr(value, "shape", None) == ():
        value = value.item() if hasattr(value, "item") else value
        return Symbol(literal(value), "bool" if isinstance(value, bool) else "float")
    raise TypeError(f"{type(value).__name__} is no element")


def function(form: str, takes: str = "float", gives: str = "float") -> Callable:
    """A function of symbols that writes `form`, with {0}, {1}, ... for its arguments."""

    def call(*args: Any, dtype: Any = None) -> Symbol:
        return Symbol(form, gives, tuple(symbol(a).only(takes) for a in args))

    return call


def where(condition: Any, a: Any, b: Any) -> Symbol:
    a, b = symbol(a), symbol(b)
    kind = "bool" if a.kind == b.kind == "bool" else "float"
    return Symbol(
        "({0} ? {1} : {2})", kind, (symbol(condition).only("bool"), a.only(kind), b.only(kind))
    )


def clip(x: Any, low: Any = None, high: Any = None) -> Symbol:
    x = x if low is None else FUNCTIONS["maximum"](x, low)
    return x if high is None else FUNCTIONS["minimum"](x, high)


SAME = (  # NumPy's name is C's too
    "exp exp2 expm1 log log2 log10 log1p sqrt cbrt erf"
    " sin cos tan sinh cosh tanh floor ceil trunc fabs rint"
)
ONE = {
    **{name: name for name in SAME.split()},
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "absolute": "fabs",
    "abs": "fabs",
    "round": "rint",
}
TWO = {
    **{name: name for name in "fmod hypot copysign fmax fmin".split()},
    "arctan2": "atan2",
    "power": "pow",
}
FUNCTIONS: dict[str, Callable] = {  # NumPy's name -> what writes the C text
    **{name: function(c + "f({0})") for name, c in ONE.items()},
    **{name: function(c + "f({0}, {1})") for name, c in TWO.items()},
    **{
        name: function(f"({{0}} {sign} {{1}})")
        for name, sign in {
            "add": "+",
            "subtract": "-",
            "multiply": "*",
            "true_divide": "/",
            "divide": "/",
        }.items()
    },
    **{
        name: function(f"({{0}} {sign} {{1}})", "float", "bool")
        for name, sign in {
            "less": "<",
            "less_equal": "<=",
            "greater": ">",
            "greater_equal": ">=",
            "equal": "==",
            "not_equal": "!=",
        }.items()
    },
    **{
        name: function(f"({{0}} {sign} {{1}})", "bool", "bool")
        for name, sign in {"logical_and": "&&", "logical_or": "||", "logical_xor": "!="}.items()
    },
    "negative": function("-{0}"),
    "square": function("({0} * {0})"),
    "reciprocal": function("(1.0f / {0})"),
    "logical_not": function("!{0}", "bool", "bool"),
    "maximum": function("max_nan({0}, {1})"),
    "minimum": function("min_nan({0}, {1})"),
    "remainder": function("floor_mod({0}, {1})"),
    "floor_divide": function("floor_quotient({0}, {1})"),
    "logaddexp": function("log_add_exp({0}, {1})"),
    "isnan": function("({0} != {0})", "float", "bool"),
    "isinf": function("(fabsf({0}) == INFINITY)", "float", "bool"),
    "isfinite": function("(fabsf({0}) < INFINITY)", "float", "bool"),
    "signbit": function("(__float_as_int({0}) < 0)", "float", "bool"),
    "where": where,
    "clip": clip,
}
for method, name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "pow": "power",
}.items():
    setattr(Symbol, f"__{method}__", lambda self, other, f=FUNCTIONS[name]: f(self, other))
    setattr(Symbol, f"__r{method}__", lambda self, other, f=FUNCTIONS[name]: f(other, self))
for method, name in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}.items():
    setattr(Symbol, f"__{method}__", lambda self, other, f=FUNCTIONS[name]: f(self, other))


class Symbolic:
    """What forwards get as `xp` when they write themselves down."""

    float32, bool_, inf, nan, pi, e = (
        float32.numpy,
        bool_.numpy,
        math.inf,
        math.nan,
        math.pi,
        math.e,
    )

    def __getattr__(self, name: str) -> Callable:
        if name not in FUNCTIONS:
            raise AttributeError(f"{name} is not elementwise, or has no C text yet")
        return FUNCTIONS[name]

    def errstate(self, **ignored: Any) -> Any:
        return nullcontext()


def write(
    forward: Callable, kinds: tuple[str, ...], names: tuple[str, ...], attrs: dict[str, Any]
) -> tuple[list[str], list[tuple[str, str]]]:
    """The C lines of a forward with arguments of these kinds, and (kind, expression) of each
    result.

    Raises: whatever a forward that is not elementwise meets on a symbol
    """
    inputs = [Symbol(name, kind) for name, kind in zip(names, kinds)]
    results = forward(Symbolic(), *inputs, **attrs)
    results = [symbol(r) for r in (results if isinstance(results, tuple) else (results,))]
    if not all(r.parts for r in results):
        raise TypeError("nothing is computed")
    uses: dict[int, int] = {id(r): 1 for r in results}
    texts = {id(s): s.form for s in inputs}
    lines: list[str] = []

    def count(s: Symbol) -> None:
        for i, part in enumerate(s.parts):
            if uses.setdefault(id(part), 0) == 0:
                count(part)
            uses[id(part)] += s.form.count(f"{{{i}}}")

    def text(s: Symbol) -> str:
        if id(s) not in texts:
            texts[id(s)] = s.form.format(*map(text, s.parts))
            if s.parts and uses[id(s)] > 1:
                lines.append(f"{s.kind} t{len(lines)} = {texts[id(s)]};")
                texts[id(s)] = f"t{len(lines) - 1}"
        return texts[id(s)]

    for r in results:
        count(r)
    if any(id(s) not in uses for s in inputs):
        raise TypeError("an input is not read")
    written = [text(r) for r in results]
    return [bare(line) for line in lines], [(r.kind, bare(w)) for r, w in zip(results, written)]


def bare(text: str) -> str:
    """A line without brackets round the whole expression."""
    head, body, end = (
        text.partition(" = ")[0] + " = " if " = " in text else "",
        text.partition(" = ")[2] or text,
        "",
    )
    if body.endswith(";"):
        body, end = body[:-1], ";"
    depth = 0
    for i, c in enumerate(body):
        depth += (c == "(") - (c == ")")
        if depth == 0 and i < len(body) - 1:
            return text
    return head + body[1:-1] + end if body.startswith("(") else text
