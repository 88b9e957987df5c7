"""tinygrad-edu explain: the backward pass of a script, step by step."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from .errors import Stop, closed_pipe
from .parser import Parser, number
from .run import execute

NAME = "explain"
HELP = "show a backward pass step by step, in text or as a page"


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Run a script up to its backward() and say what that does: each op's formula, what arrives,"
        " what is sent on and where it adds up. The script ends there."
    )
    parser.add_examples(
        "tinygrad-edu explain --example",
        "tinygrad-edu explain --example --page step.html",
        "tinygrad-edu explain train.py --call 3",
    )
    parser.add_argument("--example", action="store_true", help="explain a network of two layers")
    parser.add_argument(
        "--page", metavar="HTML", help="write a page to step through, instead of text"
    )
    parser.add_argument(
        "--call",
        type=number(int, 1),
        default=1,
        metavar="N",
        help="which call of backward() in the script (default 1, the first)",
    )
    parser.add_argument("script", nargs="?", help="a Python file; `import torch` gives this engine")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the script")


def run(flags: argparse.Namespace) -> int:
    if flags.example == bool(flags.script):
        raise Stop("explain: needs a script or --example, got both or neither. Give one of them.")
    if flags.example:
        from ..learn.example import example

        show(example, flags.page)
        return 0
    if not os.path.isfile(flags.script):
        raise Stop(f"explain: script must be a Python file, got {flags.script!r}. Check the path.")
    return explain_script(flags)


def explain_script(flags: argparse.Namespace) -> int:
    """Run the script until its backward() of that number, and explain it."""
    from ..engine.tensor import Tensor
    from ..learn.tape import record

    calls, plain = 0, Tensor.backward

    def backward(self: Tensor, *args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        if calls < flags.call:
            return plain(self, *args, **kwargs)
        try:
            show(self, flags.page)
        except BrokenPipeError:  # not an error of the script, whose traceback would be shown
            closed_pipe()
        raise SystemExit(0)

    Tensor.backward = backward  # type: ignore[method-assign]
    try:
        with record():
            code = execute(flags.script, flags.arguments)
    finally:
        Tensor.backward = plain  # type: ignore[method-assign]
    if calls < flags.call and code == 0:
        raise Stop(
            f"explain: the script must call backward() on a tensor at least {flags.call} times, got"
            f" {calls}. Check the script or --call."
        )
    return code


def show(loss: Any | Callable, page: str | None) -> None:
    """Print the explanation of a loss, or write the page."""
    if page is None:
        from ..learn.explain import explain

        print(explain(loss))
        return
    from ..learn.stepper import stepper

    print(f"Open {stepper(loss, page)} in a browser.")
