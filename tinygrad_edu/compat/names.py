"""Which of PyTorch's names a script uses, and which of them are here. Nothing of the script runs.

The methods of tensors are not looked at: what an object is shows only when the script runs. Nor
are names that a script puts together: `getattr(torch, name)`.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from ..engine.errors import TinygradEduError
from ..left_out import advice
from .table import ALIASES, MOVED, VERSIONS, real_name

Uses = dict[str, list[tuple[str, int]]]  # a dotted name of PyTorch's: the places (file, line)


class Reader(ast.NodeVisitor):
    """Reads one file: what its names stand for, and where PyTorch's are used."""

    def __init__(self, path: str):
        self.path = path
        self.bound: dict[str, str] = {}  # a name of the file: PyTorch's dotted name
        self.uses: Uses = {}
        self.imports: list[str] = []  # other modules, "" with dots for relative ones
        self.asked: list[str] = []  # names that `hasattr` has asked for, round the code at hand

    def note(self, name: str, node: ast.AST) -> None:
        """Note one use, unless the script does without that name."""
        if any((name + ".").startswith(asked + ".") for asked in self.asked):
            return
        self.uses.setdefault(name, []).append((self.path, getattr(node, "lineno", 0)))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if real_name(alias.name) is None:
                self.imports.append(alias.name)
                continue
            root = alias.name.split(".")[0]
            self.bound[alias.asname or root] = alias.name if alias.asname else root
            self.note(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or real_name(module) is None:
            self.imports += [module, *(f"{module}.{a.name}".lstrip(".") for a in node.names)]
            return
        for alias in node.names:
            if alias.name == "*":
                self.note(module, node)
                found, _ = look_up(module)
                for name in getattr(found, "__all__", None) or dir(found):
                    self.bound.setdefault(name, f"{module}.{name}")
                continue
            self.bound[alias.asname or alias.name] = f"{module}.{alias.name}"
            self.note(f"{module}.{alias.name}", node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = dotted(node)
        root = name.split(".")[0] if name else ""
        if root in self.bound:
            if isinstance(node.ctx, ast.Load):
                self.note(self.bound[root] + name[len(root) :], node)
        else:
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """`F = torch.nn.functional`: another name for one of PyTorch's."""
        self.generic_visit(node)
        name = dotted(node.value)
        root = name.split(".")[0]
        for target in node.targets:
            if isinstance(target, ast.Name) and root in self.bound:
                self.bound[target.id] = self.bound[root] + name[len(root) :]

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        """Where `hasattr(torch, "compile")` was asked, the name may be missing."""
        before = len(self.asked)
        self.asked += [name for call in ast.walk(node.test) if (name := self.asked_by(call))]
        self.generic_visit(node)
        del self.asked[before:]

    visit_IfExp = visit_If

    def asked_by(self, node: ast.AST) -> str:
        """The name of PyTorch's that a call of `hasattr` asks for; "" for anything else."""
        match node:
            case ast.Call(ast.Name("hasattr"), [home, ast.Constant(str(word))]):
                name = dotted(home)
                root = name.split(".")[0]
                if root in self.bound:
                    return f"{self.bound[root]}{name[len(root) :]}.{word}"
        return ""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Inside a function its own names hide those of the file."""
        outer = self.bound
        own = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        own |= {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        self.bound = {name: real for name, real in outer.items() if name not in own}
        self.generic_visit(node)
        self.bound = outer

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and "." in self.bound.get(node.id, ""):
            self.note(self.bound[node.id], node)


def dotted(node: ast.AST) -> str:
    """`a.b.c` as a text; "" for anything else."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(words)]) if isinstance(node, ast.Name) else ""


def look_up(name: str) -> tuple[Any, str]:
    """(the object with one of PyTorch's names, "") or (None, why it is not here)."""
    words = name.split(".")
    found: Any = import_module(real_name(words[0]) or "")
    if words[1:] and words[1] in ("__version__", "__all__"):
        return VERSIONS[words[0]], ""  # a Renamed module has them
    for i, word in enumerate(words[1:], 1):
        if not isinstance(found, (ModuleType, type)):
            break  # an attribute of an object
        path = ".".join(words[: i + 1])
        moved = path.replace(".modules.", ".")
        if path in ALIASES or moved in MOVED:
            home = import_module(ALIASES.get(path) or MOVED[moved])
            found = home if path in ALIASES else getattr(home, word)
            continue
        try:
            found = getattr(found, word)
        except AttributeError:
            try:
                found = import_module(real_name(path) or path)
            except ImportError:
                return None, advice(word, dir(found))
    return found, ""


def read_all(script: str) -> tuple[Uses, list[str]]:
    """(the names used by the script and the modules beside it, those files)."""
    uses: Uses = {}
    waiting, done = [os.path.abspath(script)], []
    while waiting:
        path = waiting.pop()
        done.append(path)
        try:
            with open(path, "rb") as file:  # as Python reads it: with its own note of the encoding
                tree = ast.parse(file.read(), path)
        except (SyntaxError, UnicodeDecodeError, ValueError) as error:
            raise TinygradEduError(
                f"run --check: every file must be Python, got {path!r}: {error}. Correct it."
            ) from error
        reader = Reader(path)
        reader.visit(tree)
        for name, places in reader.uses.items():
            uses.setdefault(name, []).extend(places)
        near = [os.path.dirname(path), os.path.dirname(os.path.abspath(script))]
        for found in local_files(reader.imports, near):
            if found not in done and found not in waiting:
                waiting.append(found)
    return uses, done


def local_files(modules: list[str], folders: list[str]) -> Iterator[str]:
    """The files of modules that lie in one of the folders."""
    for name in filter(None, modules):
        for folder in folders:
            base = os.path.join(folder, *name.split("."))
            yield from filter(os.path.isfile, (f"{base}.py", os.path.join(base, "__init__.py")))


def report(script: str) -> int:
    """Print which names are used and missing; 1 if any is missing, else 0."""
    uses, files = read_all(script)
    folder = os.path.dirname(os.path.abspath(script))
    missing = {name: look_up(name)[1] for name in sorted(uses)}
    missing = {name: why for name, why in missing.items() if why}
    print(
        f"{script} uses {len(uses)} names of PyTorch's in {len(files)} file"
        f"{'s' if len(files) > 1 else ''}; {len(missing) or 'none'} missing here."
    )
    for title, names in (
        ("missing", missing),
        ("here", [n for n in sorted(uses) if n not in missing]),
    ):
        if names:
            print(f"\n{title}")
        for name in names:
            places = [f"{os.path.relpath(path, folder)}:{line}" for path, line in uses[name]]
            more = f" and {len(places) - 3} more" if len(places) > 3 else ""
            print(f"  {name}  ({', '.join(places[:3])}{more})")
            if name in missing:
                print(f"      {missing[name]}")
    return 1 if missing else 0
