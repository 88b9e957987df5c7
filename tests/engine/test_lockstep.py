"""Random programs in lock-step through both libraries: after each line every tensor has PyTorch's
value, gradient, `requires_grad` and `is_leaf`, and what PyTorch refuses is refused.

A program is a list of lines of Python, drawn from a seed, in which `torch` is the library under
test. When the libraries differ, the test prints the shortest program that still shows it: it runs
as it stands, after `import torch` or `import tinygrad_edu as torch`.

Not drawn, because the difference is deliberate: writes into the outputs of split, chunk and unbind,
negative strides, which PyTorch refuses, and the result of norm and prod changed in place, which
PyTorch keeps for the backward pass and ours does not.
"""

from __future__ import annotations

import math
import random
import warnings

import pytest

import tinygrad_edu
from tinygrad_edu.engine.errors import TinygradEduError

torch = pytest.importorskip("torch")

LINES = 30
QUICK, SLOW, CHUNK = 400, 6000, 100  # programs: in the ordinary suite, with -m slow, in one test
SHAPES = [(), (1,), (2,), (3,), (2, 3), (3, 2), (2, 2), (1, 3), (2, 1), (2, 2, 2)]
LARGE = 1e6  # beyond that, rounding differs
# what PyTorch alone refuses: writes between overlapping views, detach_ of a view or a kept value
# or a second backward over what ours did not have to keep
ONLY_THEIRS = (
    "backward through the graph a second time",
    "single memory location",
    "INTERNAL ASSERT FAILED",
    "detached in-place",
    "detach views in-place",
)
REFUSALS = (TinygradEduError, RuntimeError, ValueError, TypeError, IndexError)


# ---- drawing a program ---------------------------------------------------------------------------


class Draw:
    """Draws lines that fit the tensors that PyTorch holds at this point of the program."""

    def __init__(self, seed: int, names: dict):
        self.rng, self.names, self.count = random.Random(seed), names, 0

    def new(self, letter: str = "t") -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def tensors(self, condition=lambda t: True) -> list[str]:
        """The names of the tensors for which the condition holds."""
        found = [(n, t) for n, t in self.names.items() if isinstance(t, torch.Tensor)]
        return [n for n, t in found if condition(t)]

    def pick(self, condition=lambda t: True) -> str:
        """A name of such a tensor, more often a late one. LookupError if there is none."""
        found = self.tensors(condition)
        if not found:
            raise LookupError
        return found[max(self.rng.randrange(len(found)) for _ in range(2))]

    def some(self, condition=lambda t: True, most: int = 2) -> str:
        """Names of one or more such tensors, separated by commas."""
        found = self.tensors(condition)
        if not found:
            raise LookupError
        return ", ".join(self.rng.sample(found, min(len(found), self.rng.randint(1, most))))

    def maybe(self, share: float) -> bool:
        return self.rng.random() < share

    def one(self, *choices):
        return self.rng.choice(choices)

    def shape(self, name: str) -> tuple:
        return tuple(self.names[name].shape)

    def index(self, size: int) -> int:
        if not size:
            raise LookupError
        return self.rng.randrange(-size, size)

    def number(self) -> float:
        return round(self.rng.uniform(-2, 2), 2)

    def dim(self, name: str) -> int:
        return self.index(len(self.shape(name)))

    def fitting(self, name: str) -> str:
        """A tensor that broadcasts to the named one's shape, or a number."""
        shape = self.shape(name)
        if self.maybe(0.3):
            return str(self.number())
        return self.pick(lambda t: broadcasts_to(tuple(t.shape), shape))


def broadcasts_to(small: tuple, large: tuple) -> bool:
    tail = large[len(large) - len(small) :]
    return len(small) <= len(large) and all(a in (1, b) for a, b in zip(small, tail))


def requires_grad(t) -> bool:
    return t.requires_grad


def unhooked(t) -> bool:
    """Of several wanted tensors, PyTorch hooks the gradient of one only if it is the last on the
    way back.
    """
    return t.requires_grad and (t.is_leaf or not t._backward_hooks)


def proper_leaf(t) -> bool:
    """Not a view that requires gradients in name only, as its base does."""
    return is_leaf(t) and t._base is None


def is_leaf(t) -> bool:
    return t.is_leaf and t.requires_grad


def has_grad(t) -> bool:
    return t.is_leaf and t.grad is not None


def has_dims(t) -> bool:
    return t.ndim > 0


# ---- values --------------------------------------------------------------------------------------


def leaf(d: Draw) -> str:
    def values(shape: tuple):
        return [values(shape[1:]) for _ in range(shape[0])] if shape else d.number()

    flag = ", requires_grad=True" if d.maybe(0.7) else ""
    return f"{d.new()} = torch.tensor({values(d.one(*SHAPES))}, dtype=torch.float64{flag})"


def unary(d: Draw) -> str:
    a = d.pick()
    forms = ["-{}", "{} * 2", "1 - {}", "{} / 2", "{} ** 2", "{}.clamp(-1, 1)", "{}.clone()"]
    names = ["sin", "cos", "tanh", "sigmoid", "relu", "abs", "square", "sigmoid"]
    forms += ["{}." + name + "()" for name in names]
    return f"{d.new()} = {d.one(*forms).format(a)}"


def binary(d: Draw) -> str:
    a = d.pick()
    b = d.pick(lambda t: broadcasts_to(tuple(t.shape), d.shape(a)))
    forms = "{0} + {1}", "{0} - {1}", "{0} * {1}", "{1} * {0}", "{0} / ({1} * {1} + 1)"
    named = (
        "torch.where({0} > {1}, {0}, {1} * 2)",
        "torch.maximum({0}, {1})",
        "torch.where({0} > 0, {0}, {1})",
        "torch.addcmul({0}, {0}, {1}, value=0.5)",
    )
    return f"{d.new()} = {d.one(*forms, *forms, *named).format(a, b)}"


def product(d: Draw) -> str:
    a = d.pick(has_dims)
    inner = d.shape(a)[-1]
    b = d.pick(lambda t: t.ndim > 0 and t.shape[max(t.ndim - 2, 0)] == inner and t.ndim < 3)
    return f"{d.new()} = {a} @ {b}"


def reduction(d: Draw) -> str:
    a = d.pick()
    # `* 1`: PyTorch keeps the result, ours need not, and so takes writes into it
    forms = ["{}.sum()", "{}.mean()", "{}.prod() * 1", "{}.amax()", "{}.norm() * 1"]
    if d.shape(a):
        dim = d.dim(a)
        named = ("sum", "mean", "amax", "logsumexp")
        forms += [f"{{}}.{n}({dim}{d.one('', ', keepdim=True')})" for n in named]
        forms += [f"{{}}.{n}({dim})" for n in ("softmax", "cumsum", "log_softmax")]
        forms += [f"{{}}.max({dim}).values", f"{{}}.split(1, {dim})[0] * 1"]
    return f"{d.new()} = {d.one(*forms).format(a)}"


def joined(d: Draw) -> str:
    a = d.pick(has_dims)
    b = d.pick(lambda t: tuple(t.shape) == d.shape(a))
    return f"{d.new()} = torch.{d.one('cat', 'stack')}([{a}, {b}], {d.dim(a)})"


# ---- views ---------------------------------------------------------------------------------------


def place(d: Draw, name: str) -> str:
    """An index of the named tensor, inside the brackets."""
    shape = d.shape(name)
    if not shape:
        return "..."
    first = d.index(shape[0])
    forms = [str(first), f"{first}:", f":{first}", "::2", "None", "..., None", "...", ":"]
    if len(shape) > 1:
        second = d.index(shape[1])
        forms += [f"{first}, {second}", f":, {second}", f"{first}, :{second}", f"..., {-1}"] * 2
    return d.one(*forms)


def view(d: Draw) -> str:
    a = d.pick()
    shape = d.shape(a)
    size = math.prod(shape)
    forms = [f"{a}[{place(d, a)}]"] * 3
    flat = "reshape(-1)" if d.names[a].is_contiguous() else "unsqueeze(0)"  # a copy or not: layout
    forms += [f"{a}.{n}" for n in ("unsqueeze(0)", "squeeze()", flat)]
    forms += [f"{a}.expand({(2, *shape)})", f"{a}.expand_as({a})", f"{a}.view({shape})"]
    if size % 2 == 0:
        forms += [f"{a}.reshape(2, {size // 2})"] * d.names[a].is_contiguous()
    if len(shape) < 3:
        forms += [f"{a}.t()"]
    if shape:
        dim, other = d.dim(a), d.dim(a)
        at = d.index(shape[dim])
        forms += [f"{a}.select({dim}, {at})", f"{a}.transpose({dim}, {other})"] * 2
        forms += [f"{a}.narrow({dim}, 0, 1)", f"{a}.unbind({dim})[0] * 1"]
    if len(shape) > 1:
        forms += [f"{a}.diagonal()", f"{a}.permute({tuple(reversed(range(len(shape))))})"]
    return f"{d.new()} = {d.one(*forms)}"


def copied(d: Draw) -> str:
    """Indexing that copies."""
    a = d.pick(has_dims)
    rows = [d.index(d.shape(a)[0]) for _ in range(2)]
    return f"{d.new()} = {a}[{d.one(str(rows), f'{a} > 0')}].square()"


def detached(d: Draw) -> str:
    return f"{d.new()} = {d.pick()}.detach()"


# ---- writes --------------------------------------------------------------------------------------


def written(d: Draw) -> str:
    sure = d.maybe(0.97)
    a = d.pick(lambda t: (not sure or not is_leaf(t)) and not (0 in t.stride() and t.numel() > 1))
    where = f"{a}[{place(d, a)}]"
    forms = [f"{a}.{n}_({d.fitting(a)})" for n in ("add", "mul", "sub", "mul", "add")]
    forms = [f[:-1] + " * 1)" for f in forms]  # a copy: PyTorch reads what it has just written
    forms += [
        f"{a}.copy_({d.pick(lambda t: broadcasts_to(tuple(t.shape), d.shape(a)))}.clone())"
    ] * 2
    forms += [f"{a}.{n}" for n in ("zero_()", f"fill_({d.number()})", "clamp_(-1, 1)", "neg_()")]
    forms += [f"{a}.{n}_()" for n in ("sin", "square", "cos")]  # tanh_ keeps its result in PyTorch
    forms += [f"{a} {d.one('+', '-', '*')}= {d.fitting(a)}"] * 2
    forms += [f"{where} = {d.one(str(d.number()), d.pick(lambda t: t.numel() == 1))}"] * 3
    forms += [f"{where} *= {d.number()}", f"{where}.{d.one('zero_()', 'mul_(3)', 'add_(1)')}"] * 2
    forms += [f"{a}[{a} > 0] = {d.number()}", f"{a}.masked_fill_({a} > 0, {d.number()})"]
    return d.one(*forms)


def in_no_grad(d: Draw) -> str:
    return "with torch.no_grad(): " + d.one(unary, binary)(d)


def viewless(d: Draw):
    """A condition: neither a view nor with views, whose history PyTorch makes anew when the memory
    is written outside the graph, losing hooks and the way to tensors between.
    """
    bases = [t._base for t in d.names.values() if isinstance(t, torch.Tensor)]
    return lambda t: t._base is None and not any(b is t for b in bases)


def written_outside(d: Draw) -> str:
    alone = viewless(d)
    a = d.pick(alone)
    form = d.one("mul_", "add_", "copy_")
    return f"with torch.no_grad(): {a}.{form}({d.fitting(a)} * torch.tensor(1.0))"


def descent(d: Draw) -> str:
    alone = viewless(d)
    a = d.pick(lambda t: has_grad(t) and alone(t))
    return f"with torch.no_grad(): {a} -= 0.1 * {a}.grad"


def flagged(d: Draw) -> str:
    if d.maybe(0.3):
        return f"{d.pick(lambda t: is_leaf(t) and viewless(d)(t))}.requires_grad_(False)"
    alone = viewless(d)
    return f"{d.pick(lambda t: t.is_leaf and alone(t))}.requires_grad_()"


def cut(d: Draw) -> str:
    alone = viewless(d)
    return f"{d.pick(lambda t: t.requires_grad and not t.is_leaf and alone(t))}.detach_()"


# ---- gradients -----------------------------------------------------------------------------------


def hook(d: Draw) -> str:
    a = d.pick(lambda t: t.requires_grad and t._base is None)  # PyTorch's views lose theirs
    if d.names[a].is_leaf and d.maybe(0.3):
        change = "lambda p: setattr(p, 'grad', None if p.grad is None else p.grad * 2)"
        return f"{d.new('h')} = {a}.register_post_accumulate_grad_hook({change})"
    body = d.one("g * 2", "g * g", "-g", "g.clamp(-1, 1)", "None")
    return f"{d.new('h')} = {a}.register_hook(lambda g: {body})"


def unhook(d: Draw) -> str:
    return f"{d.one(*(n for n in d.names if n[0] == 'h' and n[1:].isdigit()) or [0])}.remove()"


def retained(d: Draw) -> str:
    return f"{d.pick(lambda t: t.requires_grad and not t.is_leaf)}.retain_grad()"


def graph_flags(d: Draw) -> str:
    return d.one(", retain_graph=True", ", retain_graph=True", ", create_graph=True", "")


def backward(d: Draw) -> str:
    a = d.pick(lambda t: t.requires_grad and not t.is_leaf or t.requires_grad and d.maybe(0.1))
    inputs = f", inputs=[{d.some(proper_leaf)}]" if d.maybe(0.15) else ""
    more = graph_flags(d) + inputs
    forms = [f"{a}.sum().backward({more[2:]})", f"({a} * {a}).sum().backward({more[2:]})"] * 2
    forms += [f"{a}.backward(torch.ones_like({a}){more})"]
    b = d.pick(lambda t: t.requires_grad)
    forms += [f"torch.autograd.backward([{a}.sum(), ({b} * 3).sum()]{more})"] * 2
    return d.one(*forms)


def gradient(d: Draw) -> str:
    a = d.pick(lambda t: t.requires_grad and not t.is_leaf)
    wanted = d.one(d.pick(requires_grad), d.some(unhooked))
    unused = ", allow_unused=True" if d.maybe(0.9) else ""
    names = "".join(f"{d.new()}, " for _ in wanted.split(","))
    outputs = d.one(f"{a}.sum()", f"({a} * {a}).sum()")
    call = f"torch.autograd.grad({outputs}, [{wanted}]{graph_flags(d)}{unused})"
    # clones: PyTorch may return stretched gradients, or one memory for two of them
    return f"{names[:-1]} = [g if g is None else g.clone() for g in {call}]"


def of_grad(d: Draw) -> str:
    a = d.pick(has_grad)
    forms = [f"{a}.grad = None", f"{a}.grad.zero_()", f"{d.new()} = {a}.grad"]
    forms += [f"torch.nn.utils.clip_grad_norm_([{d.some(has_grad)}], 0.5)"] * 2
    return d.one(*forms)


def optimizer(d: Draw) -> str:
    held = [n for n in d.names if n[0] == "o" and n[1:].isdigit()]
    if held and d.maybe(0.85):
        o = d.one(*held)
        alone = viewless(d)
        if not all(alone(p) for p in d.names[o].param_groups[0]["params"]):
            raise LookupError
        return d.one(f"{o}.step()", f"{o}.zero_grad()", f"{o}.zero_grad(set_to_none=False)")
    kind = d.one("SGD([{}], lr=0.1, momentum=0.9)", "Adam([{}], lr=0.1)", "SGD([{}], lr=0.1)")
    params = d.some(lambda t: is_leaf(t) and viewless(d)(t), 3)
    return f"{d.new('o')} = torch.optim.{kind.format(params)}"


KINDS = {
    leaf: 4,
    unary: 8,
    binary: 12,
    product: 4,
    reduction: 6,
    joined: 2,
    view: 14,
    copied: 2,
    detached: 2,
    written: 12,
    in_no_grad: 3,
    written_outside: 3,
    descent: 3,
    flagged: 1,
    cut: 0.3,
    hook: 4,
    unhook: 1,
    retained: 4,
    backward: 10,
    gradient: 6,
    of_grad: 4,
    optimizer: 4,
}


def next_line(d: Draw) -> str:
    while True:
        try:
            return d.rng.choices(list(KINDS), KINDS.values())[0](d)
        except LookupError:  # no tensor fits
            continue


# ---- running it ----------------------------------------------------------------------------------


class Stop(Exception):
    """The program ends here, without a difference."""


class Pair:
    """One program's variables in both libraries."""

    def __init__(self):
        self.theirs, self.ours = {"torch": torch}, {"torch": tinygrad_edu}
        self.recorded = False  # whether gradients were recorded

    def run(self, line: str) -> str | None:
        """Run a line in both. Returns how they differ, or None. Raises Stop when both refuse."""
        their_error, our_error = attempt(line, self.theirs), None
        if isinstance(their_error, NameError):  # the line that made it was dropped
            return None
        our_error = attempt(line, self.ours)
        if their_error is None and our_error is None:
            found = self.difference()
            self.recorded |= "create_graph=True" in line
            if found and ".requires_grad: " in found and self.recorded:
                raise Stop  # whether a gradient that is constant counts as recorded differs
            return found
        if their_error is None:
            return f"only tinygrad_edu raises: {type(our_error).__name__}: {our_error}"
        if our_error is None and any(words in str(their_error) for words in ONLY_THEIRS):
            raise Stop
        if our_error is None:
            return f"only PyTorch raises: {type(their_error).__name__}: {their_error}"
        if not isinstance(our_error, (*REFUSALS, type(their_error))):
            return f"not an error for users: {type(our_error).__name__}: {our_error}"
        raise Stop

    def difference(self) -> str | None:
        for name, theirs in self.theirs.items():
            if isinstance(theirs, torch.Tensor) or name[0] == "t" and name[1:].isdigit():
                found = different(theirs, self.ours[name])
                if found:
                    return f"{name}{found}"
        return None


def attempt(line: str, names: dict) -> Exception | None:
    try:
        exec(line, names)
    except Exception as error:
        return error
    return None


def different(theirs, ours) -> str | None:
    if theirs is None or ours is None:
        return None if theirs is ours else f": PyTorch {theirs}, tinygrad_edu {ours}"
    for what in ("requires_grad", "is_leaf"):
        try:
            a = getattr(theirs, what)
        except RuntimeError:  # a view made under no_grad whose base was written with recording on
            raise Stop from None
        b = getattr(ours, what)
        if a != b:
            return f".{what}: PyTorch {a}, tinygrad_edu {b}"
    found = unequal(theirs, ours)
    if found or not (theirs.is_leaf or theirs.retains_grad):
        return found
    if theirs.grad is None or ours.grad is None:
        same = theirs.grad is ours.grad
        return None if same else f".grad: PyTorch {theirs.grad}, tinygrad_edu {ours.grad}"
    found = unequal(theirs.grad, ours.grad)
    return f".grad{found}" if found else None


def unequal(theirs, ours) -> str | None:
    """How the values differ. Stop if they are too large to be compared."""
    a, b = theirs.tolist(), ours.tolist()
    if a == b and tuple(theirs.shape) == tuple(ours.shape):
        return None
    if tuple(theirs.shape) != tuple(ours.shape):
        return f".shape: PyTorch {tuple(theirs.shape)}, tinygrad_edu {tuple(ours.shape)}"
    pairs = list(zip(theirs.flatten().tolist(), ours.flatten().tolist()))
    if not all(abs(x) < LARGE for x, _ in pairs):
        raise Stop
    if all(abs(x - y) <= 1e-9 * (1 + abs(x)) for x, y in pairs):
        return None
    return f": PyTorch {a}, tinygrad_edu {b}"


def drawn(seed: int) -> tuple[list[str], str | None]:
    """The program of that seed and how the libraries differ after its last line."""
    pair, program, found = Pair(), [], None
    draw = Draw(seed, pair.theirs)
    try:
        while len(program) < LINES and not found:
            program.append(leaf(draw) if len(program) < 2 else next_line(draw))
            found = pair.run(program[-1])
    except Stop:
        pass
    return program, found


def replayed(program: list[str]) -> str | None:
    """How the libraries differ at some line of the program."""
    pair = Pair()
    try:
        return next(filter(None, map(pair.run, program)), None)
    except Stop:
        return None


def shortest(program: list[str]) -> list[str]:
    """The program without the lines that the difference does not need."""
    n = len(program)
    while n:
        n -= 1
        shorter = program[:n] + program[n + 1 :]
        if replayed(shorter):
            program = shorter
            n = min(len(program), n + 1)
    return program


def check(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program, found = drawn(seed)
        if found:
            program = shortest(program)
            text = "\n    ".join(program)
            pytest.fail(f"seed {seed}:\n    {text}\n{replayed(program)}", pytrace=False)


@pytest.mark.parametrize("first", range(0, QUICK, CHUNK))
def test_random_programs_do_what_they_do_in_pytorch(first):
    for seed in range(first, first + CHUNK):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, SLOW, CHUNK))
def test_more_random_programs_do_what_they_do_in_pytorch(first):
    for seed in range(first, first + CHUNK):
        check(seed)
