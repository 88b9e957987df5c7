"""Functions written out as text: an op's call and the functions that apply its formulas."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import cache
from typing import Any

# What an op is until its first call: to write out all of them would take half of the import.
FIRST_CALL = """\
def first_call(*given, **named):
    return op.write()(*given, **named)
"""


def compiled(op: Any, name: str, text: str, scope: dict[str, Any]) -> Callable:
    """The function `name` that `text` defines. Tracebacks and debuggers show the text."""
    file = f"<{name} of op {op.name}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    scope = {"op": op, "__name__": __name__, **scope}
    exec(code_of(text), scope)
    scope[name].__code__ = scope[name].__code__.replace(co_filename=file)
    return scope[name]


@cache
def code_of(text: str) -> Any:
    """The code of a text. Many ops are pulled back by the same one."""
    return compile(text, "<op>", "exec")
