"""What the text of a kernel of one's own tells without a compiler: its names and its parameters."""

from __future__ import annotations

import re

from ..engine.errors import KernelError
from .source import NUMPY, Parameter, Source
from .text import kernels


class Written(Parameter):
    """A parameter as the text has it; its dtype is None where only a compiler could tell."""

    @property
    def dtype(self) -> str | None:
        return NUMPY.get(self.kind)


def base_name(expression: str) -> str:
    """The name alone of a kernel that C++ names: "sgemm" of "ns::sgemm<64, 8>"."""
    return re.split(r"[<(]", expression)[0].split("::")[-1].strip()


def written_parameters(source: Source, name: str) -> list[Parameter]:
    """The parameters of a kernel, as far as the text tells."""
    if source.named is None:
        return source.entries[name]
    found = kernels(source.text).get(base_name(name))
    if found is None:
        raise KernelError(
            f"{name}: must be declared in the text itself on cuda, got no __global__ function of"
            " that name. Write it there, not in an included file."
        )
    return [Written(text.split("=")[0]) for text in found.parameters]


def check_name(source: Source, name: str) -> None:
    """Refuse the name of a kernel that a source does not have."""
    if source.named is None:
        known = list(source.entries)
        there = name in known
    else:  # may stand in an included file
        known = list(kernels(source.text))
        word = re.escape(base_name(name))
        there = re.search(rf"\b{word}\b", source.text) is not None
    if not there:
        raise KernelError(
            f"{name}: must be an entry point of {source.name}, got one of {', '.join(known)}. Check"
            " the spelling."
        )
