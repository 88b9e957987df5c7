"""Kernels of all ops declared `elementwise`, generated: the op's own forward gives the C expression
(expression.py), or the plain one of `elementwise=lambda xp, ...`; two templates give the rest.

    rung  idea                                        bytes per element, n float32 inputs
    1     one thread an element, any broadcast        4n + 4
    2     one thread four elements, 16-byte accesses  4n + 4

`source("gelu")` shows the text. A number in the place of an array (`x * 2.5`) is a kernel argument,
so that it needs no kernel of its own; attributes (`leaky_relu(x, 0.2)`) are constants in the text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ...engine.device import registry
from ...engine.errors import KernelError
from ...engine.op import Op
from ..rungs import kernel
from ..source import Source, kernels_folder
from .expression import write
from .shapes import aligned, ceil_div

THREADS = 256
TYPES = {"float": "float32", "bool": "bool"}  # of C and of arrays
MOST = 2**30  # elements: threads are counted in an int


def kinds_of_inputs(op: Op) -> tuple[str, ...]:
    """The C types of an op's inputs: those of its first case."""
    samples = dict(zip(op.order, op.cases[0].args))
    return tuple(
        "bool" if getattr(samples.get(x), "kind", "") == "bool" else "float" for x in op.inputs
    )


class Generated:
    """The kernels of one elementwise op: its inputs' C types, and a source for each set of
    attributes.
    """

    def __init__(self, op: Op):
        self.op, self.inputs = op, op.inputs
        self.forward = op.elementwise if callable(op.elementwise) else op.forward
        self.results = ("out", *op.residuals)
        sample = {
            name: 0.5 if value is inspect.Parameter.empty else value
            for name, value in op.defaults.items()
        }
        self.kinds = kinds_of_inputs(op)
        try:
            self.source = self.make(tuple(sample.items()))
        except (TypeError, AttributeError, ValueError) as error:
            raise KernelError(
                f"{op.name}: an elementwise forward must compute one element at a time, got one"
                f" where {error}. Declare a plain expression: elementwise=lambda xp, ...: ..."
            ) from error

    @lru_cache  # noqa: B019  # one object an op, for the life of the program
    def make(self, attrs: tuple) -> Source:
        return Source(self.text(dict(attrs)), f"{self.op.name}.cu", kernels_folder())

    def text(self, attrs: dict[str, Any]) -> str:
        """The CUDA C of the op for these attributes: its value, and a kernel for each rung."""
        lines, results = write(self.forward, self.kinds, tuple(self.inputs), attrs)
        if len(results) != len(self.results):
            raise TypeError("the residuals do not come out")
        self.gives = [kind for kind, _ in results]
        text = self.value(lines, [value for _, value in results]) + self.broadcast_kernel()
        if {*self.gives, *self.kinds} == {"float"}:
            text += self.vector_kernel()
        return text

    def value(self, lines: list[str], values: list[str]) -> str:
        """The device function that computes one element."""
        name = self.op.name
        parameters = ", ".join(
            [f"{kind}& {out}_at" for kind, out in zip(self.gives, self.results)]
            + [f"{kind} {x}" for kind, x in zip(self.kinds, self.inputs)]
        )
        stores = [f"{out}_at = {value};" for out, value in zip(self.results, values)]
        body = "".join(f"    {line}\n" for line in (*lines, *stores))
        return f"""// {name}: {self.op.doc.splitlines()[0]}  Generated from the op's forward.
#include "elementwise.cuh"

__device__ __forceinline__ void {name}_value({parameters}) {{
{body}}}
"""

    def pointers(self) -> str:
        """A kernel's parameters for the results and the inputs."""
        return ", ".join(
            [f"{kind}* __restrict__ {out}" for kind, out in zip(self.gives, self.results)]
            + [
                f"const {kind}* __restrict__ {x}, {kind} {x}_number"
                for kind, x in zip(self.kinds, self.inputs)
            ]
        )

    def element(self, index: str) -> str:
        """The arguments of the device function: `index` says where an input's element is."""
        read = [f"{x} ? {x}[{index.format(x=x)}] : {x}_number" for x in self.inputs]
        return ", ".join([*(f"{out}[i]" for out in self.results), *read])

    def broadcast_kernel(self) -> str:
        """Rung 1: one thread an element."""
        name = self.op.name
        strides = ", ".join(f"int {x}_0, int {x}_1, int {x}_2" for x in self.inputs)
        return f"""
// The output is (size / (n1 n2), n1, n2); x_0, x_1, x_2 are the strides of x, 0 where it is
// broadcast. A null pointer: the input is a number.
extern "C" __global__ void {name}_1_broadcast({self.pointers()}, {strides}, int size, int n1, int n2) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    int i0 = i / n2 / n1, i1 = i / n2 % n1, i2 = i % n2;
    {name}_value({self.element("i0 * {x}_0 + i1 * {x}_1 + i2 * {x}_2")});
}}
"""  # noqa: E501  # one line of C

    def vector_kernel(self) -> str:
        """Rung 2: one thread four elements."""
        name = self.op.name
        load = "".join(
            f"        float4 {x}4 = {x} ? *(const float4*)({x} + i)"
            f" : make_float4({x}_number, {x}_number, {x}_number, {x}_number);\n"
            for x in self.inputs
        )
        calls = (
            ", ".join(f"{v}4.{part}" for v in (*self.results, *self.inputs)) for part in "xyzw"
        )
        each = "".join(f"        {name}_value({arguments});\n" for arguments in calls)
        store = "".join(f"        *(float4*)({out} + i) = {out}4;\n" for out in self.results)
        return f"""
// All arrays have the output's shape and start at a multiple of 16 bytes.
extern "C" __global__ void {name}_2_vector({self.pointers()}, int size) {{
    int i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
    if (i + 3 < size) {{
{load}        float4 {", ".join(f"{out}4" for out in self.results)};
{each}{store}    }} else {{
        for (; i < size; ++i) {name}_value({self.element("i")});
    }}
}}
"""

    def takes(self, *values: Any) -> bool:
        """Whether the inputs are arrays of the kernel's types and numbers, and the attributes
        plain.
        """
        inputs, attrs = values[: len(self.inputs)], values[len(self.inputs) :]
        arrays = [x for x in inputs if hasattr(x, "dtype")]
        if not any(x.dtype == "float32" for x in arrays) or any(
            a is not None and type(a) not in (bool, int, float, str) for a in attrs
        ):
            return False
        return all(
            (
                x.dtype == TYPES[kind]
                if hasattr(x, "dtype")
                else kind == "float" and type(x) in (float, int, bool)
            )
            for kind, x in zip(self.kinds, inputs)
        )


def broadcast(shapes: list[tuple]) -> tuple | None:
    """The common shape; None if there is none."""
    rank = max(map(len, shapes))
    out = []
    for sizes in zip(*((1,) * (rank - len(s)) + tuple(s) for s in shapes)):
        wide = {n for n in sizes if n != 1}
        if len(wide) > 1:
            return None
        out.append(wide.pop() if wide else 1)
    return tuple(out)


def collapse(shape: tuple, shapes: list[tuple]) -> tuple[list[int], list[list[int]]]:
    """`shape` and the strides of row-major arrays that broadcast to it, with dims merged where no
    array notices.
    """
    strides = []
    for s in shapes:
        row, step = [0] * len(shape), 1
        for d in range(1, len(s) + 1):
            row[-d] = 0 if s[-d] == 1 else step
            step *= s[-d]
        strides.append(row)
    sizes: list[int] = []
    kept: list[list[int]] = [[] for _ in shapes]
    for d, n in enumerate(shape):
        if n == 1:
            continue
        if sizes and all(k[-1] == row[d] * n for k, row in zip(kept, strides)):
            sizes[-1] *= n
            for k, row in zip(kept, strides):
                k[-1] = row[d]
        else:
            sizes.append(n)
            for k, row in zip(kept, strides):
                k.append(row[d])
    return sizes, kept


def shapes_of(inputs: Any) -> list[tuple]:
    return [tuple(x.shape) if hasattr(x, "dtype") else () for x in inputs]


def pointer_and_number(kind: str, x: Any) -> tuple:
    """How an input is handed to a kernel: as a pointer, or a null pointer and the number."""
    if hasattr(x, "dtype"):
        return x, 0.0 if kind == "float" else False
    return None, float(x)


def sign(function: Callable, parameters: list) -> None:
    """Give a function that takes any arguments the op's parameters, for inspect and help."""
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]


def declare(op: Op) -> None:
    """Both rungs of an op."""
    made = Generated(op)
    name, n = op.name, len(op.inputs)
    default = tuple(op.defaults.items())
    own = list(inspect.signature(op.forward).parameters.values())[1:]
    without_defaults = [p.replace(default=inspect.Parameter.empty) for p in own]
    with_fn = [inspect.Parameter("fn", inspect.Parameter.POSITIONAL_ONLY), *own]

    def start(fn: Any, args: tuple, attrs: dict, run: Callable) -> Any:
        """Make the results, choose the source for the attributes, and run."""
        chosen = tuple({**op.defaults, **dict(zip(op.defaults, args[n:])), **attrs}.items())
        shape = broadcast(shapes_of(args[:n]))
        inputs = [fn.contiguous(x) if hasattr(x, "dtype") else x for x in args[:n]]
        like = next(x for x in inputs if hasattr(x, "dtype") and x.dtype == "float32")
        outs = [fn.empty(shape, like if kind == "float" else "bool") for kind in made.gives]
        if outs[0].size:
            pairs = [v for pair in map(pointer_and_number, made.kinds, inputs) for v in pair]
            run(fn if chosen == default else fn.using(made.make(chosen)), inputs, outs, pairs)
        return tuple(outs) if op.residuals else outs[0]

    def broadcasts(*values: Any) -> bool:
        if not made.takes(*values):
            return False
        shapes = shapes_of(values[:n])
        shape = broadcast(shapes)
        return (
            shape is not None
            and len(collapse(shape, shapes)[0]) <= 3
            and all(x.size < MOST for x in values if hasattr(x, "dtype"))
        )

    def same_shape(*values: Any) -> bool:
        arrays = [x for x in values[:n] if hasattr(x, "dtype")]
        return (
            made.takes(*values)
            and len({x.shape for x in arrays}) == 1
            and aligned(*arrays)
            and arrays[0].size < MOST
        )

    def one_each(fn: Any, *args: Any, **attrs: Any) -> Any:
        def run(fn: Any, inputs: list, outs: list, pairs: list) -> None:
            sizes, strides = collapse(outs[0].shape, shapes_of(inputs))
            pad = [0] * (3 - len(sizes))
            _, n1, n2 = [1] * len(pad) + sizes
            steps = [step for row in strides for step in pad + row]
            size = outs[0].size
            fn((ceil_div(size, THREADS),), (THREADS,), (*outs, *pairs, *steps, size, n1, n2))

        return start(fn, args, attrs, run)

    def four_each(fn: Any, *args: Any, **attrs: Any) -> Any:
        def run(fn: Any, inputs: list, outs: list, pairs: list) -> None:
            size = outs[0].size
            fn((ceil_div(size, 4 * THREADS),), (THREADS,), (*outs, *pairs, size))

        return start(fn, args, attrs, run)

    for entry, launcher, supports in (
        (f"{name}_1_broadcast", one_each, broadcasts),
        (f"{name}_2_vector", four_each, same_shape),
    ):
        if entry in made.source.entries:
            launcher.__name__ = entry
            sign(launcher, with_fn)
            sign(supports, without_defaults)
            kernel(entry, supports=supports, source=made.source)(launcher)
    GENERATED[name] = made


GENERATED: dict[str, Generated] = {}


def source(op: str, **attrs: Any) -> str:
    """The CUDA C of an elementwise op, for these attributes."""
    made = GENERATED[op]
    return made.make(tuple({**made.op.defaults, **attrs}.items())).text


for candidate in {id(op): op for op in registry.values()}.values():  # each once: some have aliases
    if getattr(candidate, "elementwise", False):
        declare(candidate)
