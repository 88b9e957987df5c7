"""tinygrad-edu run: a PyTorch script, unchanged, on this engine."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from types import TracebackType

from .errors import Stop
from .parser import Parser

NAME = "run"
HELP = "run a PyTorch script on this engine"


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Run a script that was written for PyTorch. `import torch` and `import torchvision` give"
        " this engine; the script is not changed."
    )
    parser.add_examples(
        "tinygrad-edu run mnist.py --epochs 1",
        "tinygrad-edu run --check mnist.py",
        "tinygrad-edu run --profile mnist.py --epochs 1",
        "tinygrad-edu run --trace calls.json mnist.py --epochs 1",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="run nothing; list the names of PyTorch that the script and its modules use, and"
        " which of them are missing here",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="say at the end where the time went, by op, line and module",
    )
    parser.add_argument(
        "--trace",
        metavar="FILE",
        help="also write each call of an op to a file for chrome://tracing or"
        " https://ui.perfetto.dev (about 300 bytes a call)",
    )
    parser.add_argument("script", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the script")


def run(flags: argparse.Namespace) -> int:
    if not os.path.isfile(flags.script):
        raise Stop(f"run: script must be a Python file, got {flags.script!r}. Check the path.")
    if flags.check:
        from ..compat.names import report

        return report(flags.script)
    if not flags.profile and not flags.trace:
        return execute(flags.script, flags.arguments)
    return measured(flags)


def measured(flags: argparse.Namespace) -> int:
    """Run with a stopwatch round each op; the tables go to stderr."""
    from ..profiler import Times, write_trace

    target = os.path.abspath(flags.trace or "")  # the script may go to another folder
    with Times(os.path.dirname(os.path.abspath(flags.script)), memory=bool(flags.trace)) as times:
        times.events = [] if flags.trace else None
        code = execute(flags.script, flags.arguments)
    if flags.profile:
        print(times.report(), file=sys.stderr)
    if flags.trace:
        write_trace(times, target)
    return code


def execute(script: str, arguments: list[str]) -> int:
    """Run the file as Python itself would, with this engine as `torch`; its exit code."""
    from runpy import run_path

    from ..compat import install_as_torch

    install_as_torch()
    sys.argv = [script, *arguments]
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # processes that the script starts find `torch` in this folder: those of multiprocessing get
    # the path, other Pythons the variable
    children = os.path.join(package, "compat", "children")
    sys.path[:1] = [os.path.dirname(os.path.abspath(script)), children, os.path.dirname(package)]
    given = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([children, given] if given else [children])
    try:
        run_path(script, run_name="__main__")
    except SystemExit as end:
        return exit_code(end)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # shown as Python shows it
        explain(error)
        traceback.print_exception(type(error), error, own_lines(error.__traceback__, script))
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def exit_code(end: SystemExit) -> int:
    """The number for the shell; what else was given is printed, as Python does."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def explain(error: BaseException) -> None:
    """Add to Python's own words about a name of this engine that is missing why it is, or which
    name is like it.
    """
    from ..engine.tensor import Tensor
    from ..left_out import MissingName, advice

    if isinstance(error, ImportError) and (error.name or "").startswith("tinygrad_edu"):
        home: object = sys.modules.get(error.name or "")
        named = re.match(r"cannot import name '(\w+)'", str(error))
        name = named[1] if named else None
    elif isinstance(error, AttributeError) and not isinstance(error, MissingName):
        home, name = error.obj, error.name
        home = home if isinstance(home, Tensor) or home is Tensor else None
    else:
        return
    if home is not None and name:
        error.add_note(advice(name, dir(home)))


def own_lines(trace: TracebackType | None, script: str) -> TracebackType | None:
    """A traceback from the script's first line on, without what started it."""
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return trace
