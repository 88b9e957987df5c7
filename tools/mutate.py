"""Mutation testing of the engine: which small faults in it does a test command not notice?

    python tools/mutate.py [--files 'tinygrad_edu/engine/*.py'] [--sample 100] [--seed 0]
                           [--workers 2] [--timeout 120] [--out mutants.json]
                           [--then 'COMMAND'] [-- COMMAND...]

Each mutant is one change: another operator or comparison, another constant, a condition negated, or
a statement left out. It is written into a copy of this tree and COMMAND runs there (`pytest -x` on
tests/engine by default). A mutant that the command refuses, or on which it runs out of time, is
killed; one that passes survives and shows what no test looks at. `--then`, which may be given
several times, names a further command for the mutants that survived the ones before it, so that
quick tests come first and slow ones run seldom. Docstrings, annotations, type aliases, and what a
`raise` says are left alone.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import queue
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "pytest", "-x", "-q", "tests/engine"]
COPIED = ("tinygrad_edu", "tests", "tools", "kernels", "pyproject.toml")

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
DROPPED = (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.Delete, ast.Return)


@dataclass
class Mutant:
    """One change of one expression or statement, and what became of it."""

    file: str
    line: int
    old: str
    new: str
    start: int  # where the old text stands in the file, in bytes
    end: int
    result: str = ""
    stage: int = 0  # which command decided: 1, 2 …


# ---- making mutants ------------------------------------------------------------------------------


def changes(node: ast.AST) -> Iterator[ast.AST | None]:
    """Other versions of this node; None: leave it out."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield altered(node, op=OPERATORS[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield altered(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield altered(node, ops=[COMPARISONS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in other_constants(node.value))
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield altered(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, DROPPED):
        yield None


def altered(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def other_constants(value: object) -> list:
    if isinstance(value, bool):
        return [not value]
    return [value + 1] if isinstance(value, (int, float)) else []


def inner(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node in which a change could matter to a test."""
    if isinstance(node, ast.Raise):  # the statement can be dropped, its words do not count
        return
    if isinstance(node, ast.JoinedStr):
        return
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment"):
            continue
        yield from (v for v in (value if isinstance(value, list) else [value]) if is_node(v))


def is_node(value: object) -> bool:
    return isinstance(value, ast.AST)


def skipped(node: ast.AST) -> bool:
    """Docstrings and other bare values, `__all__`-like tables of names, imports, TYPE_CHECKING."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, (ast.Import, ast.ImportFrom))


def places(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all inside it that may be changed, in the order of the text."""
    if skipped(node):
        return
    yield node
    for part in inner(node):
        yield from places(part)


def mutants(name: str, text: str) -> Iterator[Mutant]:
    """All mutants of a file's text."""
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in places(ast.parse(text)):
        for new in changes(node):
            old, changed = replaced(node, new)
            start = starts[old.lineno - 1] + old.col_offset
            end = starts[old.end_lineno - 1] + old.end_col_offset
            before = text.encode()[start:end].decode()
            yield Mutant(name, old.lineno, before, changed, start, end)


def replaced(node: ast.AST, new: ast.AST | None) -> tuple:
    """The part of the source that goes, and the text in its place."""
    if new is None:
        return node, "pass"
    if isinstance(node, (ast.If, ast.While)):  # only the condition, not the whole block
        return node.test, f"not ({ast.unparse(node.test)})"
    return node, f"({ast.unparse(new)})"


def compiles(mutant: Mutant, text: str) -> bool:
    """Whether the mutant is Python at all (inside an f-string or a pattern it may not be)."""
    try:
        compile(applied(mutant, text), mutant.file, "exec")
    except SyntaxError:
        return False
    return True


def applied(mutant: Mutant, text: str) -> str:
    raw = text.encode()
    return (raw[: mutant.start] + mutant.new.encode() + raw[mutant.end :]).decode()


# ---- running them --------------------------------------------------------------------------------


def passes(command: list[str], folder: Path, timeout: float) -> bool | None:
    """Whether the command succeeds in that folder; None if it takes too long."""
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def copied_tree(root: Path, folder: Path) -> Path:
    """A copy of what the tests need, in the folder."""
    ignore = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name, ignore=ignore)
        elif (root / name).exists():
            shutil.copy(root / name, folder / name)
    return folder


def judged(mutant: Mutant, folder: Path, commands: list[list[str]], timeout: float) -> Mutant:
    """Run the commands on a tree with this mutant until one fails, then restore the tree."""
    path = folder / mutant.file
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(applied(mutant, text), encoding="utf-8")
        for mutant.stage, command in enumerate(commands, 1):
            passed = passes(command, folder, timeout)
            if passed is not True:
                break
    finally:
        path.write_text(text, encoding="utf-8")
    mutant.result = {True: "survived", False: "killed", None: "timed out"}[passed]
    return mutant


def drawn(root: Path, patterns: list[str], sample: int, seed: int) -> list[Mutant]:
    """A sample of all mutants of these files, in random order: what a run that is stopped has
    judged is a sample too.
    """
    found = []
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root).as_posix()
        found += [m for m in mutants(name, text) if compiles(m, text)]
    chosen = random.Random(seed).sample(range(len(found)), min(sample, len(found)))
    return [found[i] for i in chosen]


def run(
    root: Path, chosen: list[Mutant], commands: list[list[str]], workers: int, timeout: float
) -> Iterator[Mutant]:
    """Judge all mutants, each worker in a tree of its own, and yield them one by one."""
    with tempfile.TemporaryDirectory() as place:
        free: queue.Queue = queue.Queue()
        for i in range(workers):
            free.put(copied_tree(root, Path(place) / str(i)))
        for command in commands:
            if passes(command, Path(place) / "0", 10 * timeout) is not True:
                raise SystemExit(f"mutate: {' '.join(command)} must pass on the unchanged tree.")

        def judge(mutant: Mutant) -> Mutant:
            folder = free.get()
            try:
                return judged(mutant, folder, commands, timeout)
            finally:
                free.put(folder)

        with ThreadPoolExecutor(workers) as pool:
            for mutant in pool.map(judge, chosen):
                print(described(mutant), flush=True)
                yield mutant


def described(mutant: Mutant) -> str:
    old, new = (" ".join(text.split())[:70] for text in (mutant.old, mutant.new))
    return f"{mutant.result:9s} {mutant.file}:{mutant.line}: {old}  ->  {new}"


def main(words: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", nargs="+", default=["tinygrad_edu/engine/*.py"])
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one mutant")
    parser.add_argument("--out", type=Path, default=None, help="write all results there")
    parser.add_argument("--then", action="append", default=[], help="a command for survivors")
    parser.add_argument("command", nargs="*", default=COMMAND)
    flags = parser.parse_args(words)
    chosen = drawn(root, flags.files, flags.sample, flags.seed)
    commands = [flags.command, *map(shlex.split, flags.then)]
    done: list[Mutant] = []
    for mutant in run(root, chosen, commands, flags.workers, flags.timeout):
        done.append(mutant)
        if flags.out is not None:
            flags.out.write_text(json.dumps([asdict(m) for m in done], indent=1) + "\n")
    survived = [mutant for mutant in done if mutant.result == "survived"]
    print(f"{len(survived)} of {len(done)} mutants survived.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
