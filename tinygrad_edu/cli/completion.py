"""tinygrad-edu completion: let the shell complete commands, recipes and flags."""

from __future__ import annotations

import argparse
from argparse import _SubParsersAction
from collections.abc import Iterator

from .parser import Parser

NAME = "completion"
HELP = "print a script that lets the shell complete commands and flags"

SCRIPT = """\
_tinygrad_edu() {
    local words
    case "${COMP_WORDS[*]:1:COMP_CWORD-1} " in
%s
    esac
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tinygrad_edu tinygrad-edu
"""
ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Print a script for the shell. Every new shell reads it from its start file."
    )
    parser.add_examples(
        "echo 'eval \"$(tinygrad-edu completion bash)\"' >> ~/.bashrc",
        "echo 'eval \"$(tinygrad-edu completion zsh)\"' >> ~/.zshrc",
    )
    parser.add_argument("shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh")


def run(flags: argparse.Namespace) -> int:
    lines = (f'        "{before}"*) words="{" ".join(words)}" ;;' for before, words in cases())
    print((ZSH if flags.shell == "zsh" else "") + SCRIPT % "\n".join(lines), end="")
    return 0


def cases() -> Iterator[tuple[str, list[str]]]:
    """What was typed, and the words that can follow; the longer first."""
    from ..recipes import MODULES
    from . import COMMANDS, make_parser

    for recipe in MODULES:
        yield f"train {recipe} ", words_of(sub(make_parser(["train", recipe]), "train"))
    yield "train ", list(MODULES)
    kernels = sub(make_parser(["kernels"]), "kernels")
    for action in ("list", "profile"):
        yield f"kernels {action} ", words_of(sub(kernels, action)) + operations(action)
    for command in COMMANDS:
        if command.NAME != "train":
            parser = sub(make_parser([command.NAME]), command.NAME)
            yield f"{command.NAME} ", words_of(parser) + operations(command.NAME)
    yield " ", [command.NAME for command in COMMANDS]


def operations(command: str) -> list[str]:
    """Ops with kernels, where a command takes one."""
    from ..devices.launch import ladders

    return sorted(ladders) if command in ("profile", "bench") else []


def sub(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    """The parser of a command."""
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            return action.choices[name]
    raise KeyError(name)


def words_of(parser: argparse.ArgumentParser) -> list[str]:
    """Flags, and the choices of a first argument."""
    found = [flag for action in parser._actions for flag in action.option_strings]
    for action in parser._actions:
        if not action.option_strings and action.choices:
            found += list(action.choices)
    return found
