"""The reference pages, from the registry and the docstrings: ops, kernels, layers, optimisers."""

from __future__ import annotations

import html
import inspect
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from tinygrad_edu import nn, optim
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.devices.source import kernels_folder
from tinygrad_edu.engine.device import registry
from tinygrad_edu.learn.course.texts import Chapter, chapters
from tinygrad_edu.learn.mathml import mathml
from tinygrad_edu.optim import lr_scheduler

from .hooks import formula
from .pages import ROOT, line_anchor

SECTION = re.compile(r"^(Math|Shape|Args|Dtype|Raises|Returns|Note|Reference): *", re.M)
OP_FORMULA = re.compile(r"^- formula: `(.+)`$", re.M)
OP_HEADING = re.compile(r"^### (\w+)$", re.M)


def typeset(text: str, names: Iterable[str] = ()) -> str:
    """A `Math:` text as formulas, one below the other."""
    return formula("".join(mathml(text, set(names))))


# ---- ops -----------------------------------------------------------------------------------------


def typeset_ops(text: str) -> str:
    """A page of docs/ops with formulas set as mathematics, and each op's source and chapters."""
    pieces = OP_HEADING.split(text)
    for i in range(1, len(pieces), 2):
        op = registry[pieces[i]]
        names = [p.name for p in op.parameters]
        set_formula = lambda found, names=names: f"\n{typeset(found[1], names)}\n"
        pieces[i] = f"### {pieces[i]}"
        pieces[i + 1] = OP_FORMULA.sub(set_formula, pieces[i + 1])
        items = filter(None, (source_item(op), course_item(op)))
        head, mark, rest = pieces[i + 1].partition("\n## ")  # the next family, if it begins here
        gap = [""] if head.rstrip().endswith("</div>") else []
        after = mark.lstrip("\n") + rest
        pieces[i + 1] = "\n".join([head.rstrip(), *gap, *items, "", after])
    return "".join(pieces)


@cache
def course_code() -> list[tuple[Chapter, str]]:
    """Each chapter with its code."""
    return [(c, "\n".join(x.text for x in c.cells if x.kind == "code")) for c in chapters()]


def course_item(op: Any) -> str:
    """The chapters whose code calls an op, as an item of its list; empty if none does."""
    call = re.compile(rf"(?:\b(?:torch|F|functional)|[\w)\]])\.{op.name}_?\(")
    found = [
        f"[{chapter.number}](../tutorial/{chapter.path.name})"
        for chapter, code in course_code()
        if call.search(code)
    ]
    return f"- course: chapter {', '.join(found)}" if found else ""


def source_item(op: Any) -> str:
    """The line of an op's declaration."""
    path = Path(inspect.getfile(inspect.unwrap(op.forward)))
    line = op.forward.__code__.co_firstlineno
    shown = path.relative_to(ROOT).as_posix()
    return f"- source: [{path.name}, line {line}](../../{shown}{line_anchor(line)})"


# ---- classes -------------------------------------------------------------------------------------


def source_of(cls: type) -> tuple[Path, int]:
    """The file and the line where a class begins; some are written as `Name = ...`."""
    path = Path(inspect.getfile(import_module(cls.__module__)))
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"^(?:class )?{cls.__name__}\b", text, re.M)
    return path, text[: found.start()].count("\n") + 1 if found else 1


def call_of(cls: type) -> str:
    """The call that makes an object of the class, without annotations."""
    found = list(inspect.signature(cls).parameters.values())
    shown = inspect.Signature([p.replace(annotation=p.empty) for p in found])
    return f"{cls.__name__}{shown}"


def section(cls: type, way: Callable[[Path], str]) -> list[str]:
    """A class with its call, formula, shapes, arguments and source."""
    pieces = SECTION.split(inspect.getdoc(cls) or "")
    path, line = source_of(cls)
    lines = [f"### {cls.__name__}", "", f"`{call_of(cls)}`", "", text_of(pieces[0]), ""]
    for name, text in zip(pieces[1::2], pieces[2::2]):
        plain = " ".join(text.split())
        if name == "Math":
            lines += [typeset(plain, inspect.signature(cls).parameters), ""]
        else:
            lines += [f"**{name.lower()}:** {text_of(plain)}", ""]
    lines += [f"[Source]({way(path)}{line_anchor(line)})", ""]
    return lines


def text_of(text: str) -> str:
    """Prose of a docstring as Markdown: stars and brackets are meant as they stand."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(p if p[:1] == "`" else re.sub(r"([*_<\[\]])", r"\\\1", p) for p in pieces)


def classes(module: ModuleType, base: type) -> dict[str, list[type]]:
    """{file: its public classes}, in the order of the files."""
    found: dict[str, list[type]] = {}
    for name in dir(module):
        cls = getattr(module, name)
        if inspect.isclass(cls) and issubclass(cls, base) and not name.startswith("_"):
            found.setdefault(cls.__module__, []).append(cls)
    for group in found.values():
        group.sort(key=lambda cls: source_of(cls)[1])
    return dict(sorted(found.items()))


def class_page(title: str, about: str, groups: dict[str, list[type]], way: Callable) -> str:
    lines = [f"# {title}", "", about, ""]
    for module, group in groups.items():
        file = inspect.getmodule(group[0])
        summary = " ".join((inspect.getdoc(file) or "").split("\n\n")[0].split())
        lines += [f"## {module.rsplit('.', 1)[1]}", "", text_of(summary), ""]
        for cls in group:
            lines += section(cls, way)
    return "\n".join(lines)


def layers_page(way: Callable[[Path], str]) -> str:
    about = "Every layer of `tinygrad_edu.nn`, by file, with its formula and its shapes."
    return class_page("Layers", about, classes(nn, nn.Module), way)


def optimisers_page(way: Callable[[Path], str]) -> str:
    about = "Every optimiser of `tinygrad_edu.optim`, and the schedules of its learning rate."
    groups = classes(optim, optim.Optimizer) | classes(lr_scheduler, object)
    return class_page("Optimisers", about, groups, way)


# ---- kernels -------------------------------------------------------------------------------------


def table_of(path: Path) -> str:
    """The comment at the top of a kernel file, which tells its rungs, bytes and FLOPs."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("//"):
            break
        lines.append(line.removeprefix("//").removeprefix(" "))
    return "\n".join(lines).strip("\n")


def kernels_page(way: Callable[[Path], str]) -> str:
    """Every ladder: rungs, ideas, registers, source."""
    known = json.loads((ROOT / "kernels" / "registers.json").read_text(encoding="utf-8"))["kernels"]
    lines = [
        "# Ladders of kernels",
        "",
        "A kernel is called `<op>_<rung>_<idea>`. The rungs of an op form a ladder, each with one"
        " idea more than the one below. Registers are those of a thread on sm_90, counted by"
        " NVIDIA's assembler. Ops whose kernels are generated from their forward are at the end.",
        "",
    ]
    generated = []
    for op in sorted(ladders):
        rungs = [rung for rung in ladders[op] if (kernels_folder() / rung.source.name).exists()]
        if not rungs:
            generated.append(op)
            continue
        lines += [
            f"## {op}",
            "",
            "| rung | idea | registers | source |",
            "| --- | --- | --: | --- |",
        ]
        lines += [kernel_row(rung, known, way) for rung in rungs]
        lines += ["", *facts({rung.source.name for rung in rungs})]
    lines += ["## Generated from the forward", "", ", ".join(f"`{op}`" for op in generated), ""]
    return "\n".join(lines)


def kernel_row(rung: Any, known: dict, way: Callable[[Path], str]) -> str:
    path = ROOT / "kernels" / rung.source.name
    name = f"{rung.op}_{rung.number}{rung.track}_{rung.idea}"
    found = re.search(rf"\b{name}\s*\(", path.read_text(encoding="utf-8"))
    line = path.read_text(encoding="utf-8")[: found.start()].count("\n") + 1 if found else 1
    registers = known.get(name, {}).get("sm_90", [""])[0]
    idea = rung.idea.replace("_", " ")
    link = f"[{rung.source.name}]({way(path)}{line_anchor(line)})"
    return f"| {rung.number}{rung.track} | {idea} | {registers} | {link} |"


def facts(files: set[str]) -> list[str]:
    """What the files say about bytes and FLOPs."""
    lines = []
    for file in sorted(files):
        if text := table_of(ROOT / "kernels" / file):
            lines += ["```text", html.unescape(text), "```", ""]
    return lines
