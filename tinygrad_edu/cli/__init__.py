"""The command `tinygrad-edu`: train a recipe, use what it learnt, look at kernels and at the
machine. One file a command.

A command is a module with NAME, HELP (one line), `add_arguments(parser)` and `run(flags)`, which
returns the exit code. Its file imports what it needs inside `run`, so that the start is quick.

Exit codes: 0 done; 1 training went wrong (the loss is not finite) or a kernel has a bug; 2 wrong
arguments, files or devices; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..engine.errors import TinygradEduError
from . import (
    bench,
    completion,
    course,
    doctor,
    explain,
    kernels,
    listing,
    playground,
    predict,
    puzzles,
    run,
    train,
)
from .errors import closed_pipe, say_error
from .parser import Parser
from .versions import version

COMMANDS = (
    train,
    run,
    predict,
    explain,
    playground,
    course,
    puzzles,
    listing,
    kernels,
    bench,
    doctor,
    completion,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        parser = make_parser(words)
        if not words:
            parser.print_help()
            return 0
        flags, rest = parser.parse_known_args(words)
        if rest:
            flags.parser.refuse(rest)
        code = flags.run(flags)
        print(end="", flush=True)  # a pipe that is closed shows here, not when Python ends
        return code
    except KeyboardInterrupt:
        print("\nStopped at once. The files saved before are intact.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        closed_pipe()
        return 0
    except TinygradEduError as error:
        return say_error(error)


def make_parser(words: Sequence[str] = ()) -> Parser:
    """The parser of the command line `words`.

    Only a command that appears in `words` adds its flags: those of `train` come from the recipes,
    which take time to import.
    """
    parser = Parser(
        prog="tinygrad-edu",
        description="Train small models and look inside them, on one small engine.",
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"tinygrad-edu {version('tinygrad_edu') or 'from a checkout'}",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        added = commands.add_parser(command.NAME, help=command.HELP)
        added.words = words
        if command.NAME in words:
            command.add_arguments(added)
            added.set_defaults(run=command.run, parser=added)
    return parser
