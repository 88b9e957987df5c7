"""Reads CUDA C as text: where the kernels stand, and how launches become C++.

`kernel<<<grid, block>>>(x, n)` is not C++; `translated` writes a function call in its place.
Nothing else changes, no line moves, so that errors and counters name the user's own lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

# comments, strings of all kinds, characters
APART = re.compile(
    r"//(?:\\\n|[^\n])*"
    r"|/\*.*?\*/"
    r'|R"(?P<end>[^\s()\\]{0,16})\(.*?\)(?P=end)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.S,
)
OPEN, CLOSE = "([{", ")]}"
BEFORE_NAME = re.compile(
    r"\s*(?:void|static|inline|extern|__forceinline__|__noinline__|__host__|__device__"
    r"|__launch_bounds__\s*\([^)]*\)|__cluster_dims__\s*\([^)]*\)"
    r"|__attribute__\s*\(\(.*?\)\)|__declspec\s*\([^)]*\))(?!\w)"
)
NAME = re.compile(r"\s*(\w+)\s*(?:<[^;{}]*?>\s*)?(?=\()")
SPECIFIERS = re.compile(r'(?:\b(?:static|inline|extern|void|__forceinline__)|"C")\s*$')


def blanked(text: str) -> str:
    """The text with comments and strings replaced by spaces: every place and line stays."""
    return APART.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(text: str, at: int) -> int:
    """Where the bracket that opens at `at` closes; the end of the text if it does not."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] in OPEN) - (text[i] in CLOSE)
        if not depth:
            return i
    return len(text)


def opening(text: str, at: int, pair: str) -> int:
    """Where the bracket that closes at `at` opens; -1 if it does not."""
    depth = 0
    for i in range(at, -1, -1):
        depth += (text[i] == pair[1]) - (text[i] == pair[0])
        if not depth:
            return i
    return -1


def pieces(text: str, angles: bool = True) -> list[str]:
    """A list in source text, cut at the commas that lie in no bracket."""
    found, depth, start = [], 0, 0
    opens, closes = (OPEN + "<", CLOSE + ">") if angles else (OPEN, CLOSE)
    for i, c in enumerate(text):
        depth += (c in opens) - (c in closes and text[i - 1 : i + 1] != "->")
        if c == "," and not depth:
            found.append(text[start:i])
            start = i + 1
    return [piece.strip() for piece in (*found, text[start:]) if piece.strip()]


@dataclass
class Kernel:
    """A `__global__` function as its text declares it."""

    name: str
    parameters: list[str]  # as written
    template: int = 0  # template parameters that have no default
    shapes: set[int] = field(default_factory=set)  # how many parameters its overloads have

    @property
    def names(self) -> list[str]:
        """The parameters' names, "" where one has none."""
        return [parameter_name(text) for text in self.parameters]

    def must_deduce(self, given: int, arguments: int) -> bool:
        """Whether a call with so many template arguments leaves something to the compiler."""
        return (
            self.template > given
            or len(self.shapes) > 1
            or (arguments < len(self.parameters) and "=" in "".join(self.parameters))
        )


def parameter_name(text: str) -> str:
    """The name in a parameter's declaration, "" if it has none."""
    plain = re.sub(r"\[.*", "", text.split("=")[0]).strip()
    found = re.search(r"(?:[\s*&>]|^)(\w+)$", plain)
    words = re.findall(r"\w+", plain)
    return found[1] if found and len(words) > 1 else ""


def kernels(text: str) -> dict[str, Kernel]:
    """The kernels that a text declares or defines, by name."""
    plain = blanked(text)
    found: dict[str, Kernel] = {}
    for match in re.finditer(r"\b__global__\b", plain):
        at = match.end()
        while (skipped := BEFORE_NAME.match(plain, at)) is not None:
            at = skipped.end()
        name = NAME.match(plain, at)
        if name is None:
            continue
        template = template_before(plain, match.start())
        if template == []:  # an explicit specialization
            continue
        parameters = pieces(plain[name.end() + 1 : closing(plain, name.end())])
        parameters = [] if parameters == ["void"] else parameters
        required = sum("=" not in piece and "..." not in piece for piece in template or ())
        new = found.setdefault(name[1], Kernel(name[1], parameters, required))
        new.shapes.add(len(parameters))
        if "=" in "".join(parameters):
            new.parameters = parameters
    return found


def template_before(plain: str, at: int) -> list[str] | None:
    """The template parameters of the declaration that goes on at `at`; None if it has none."""
    head = plain[:at].rstrip()
    while (word := SPECIFIERS.search(head)) is not None:
        head = head[: word.start()].rstrip()
    if not head.endswith(">"):
        return None
    start = opening(head, len(head) - 1, "<>")
    if start < 0 or not head[:start].rstrip().endswith("template"):
        return None
    return pieces(head[start + 1 : -1])


# ---- launches ------------------------------------------------------------------------------------


def translated(text: str, known: dict[str, Kernel]) -> str:
    """The text with each launch as a function call; `known` are the kernels of the program."""
    plain = blanked(text)
    edits: list[tuple[int, int, str]] = []
    for match in re.finditer("<<<", plain):
        edits += launch(plain, text, match.start(), known)
    edits += [(m.start(), m.end(), "EMU_NOINLINE") for m in re.finditer("__noinline__", plain)]
    edits += casts_of_launches(plain)
    return edited(text, edits)


def edited(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """The text with the parts from start to stop replaced."""
    out, at = [], 0
    for start, stop, new in sorted(edits):
        out += [text[at:start], new]
        at = stop
    return "".join([*out, text[at:]])


def launch(plain: str, text: str, at: int, known: dict[str, Kernel]) -> list[tuple[int, int, str]]:
    """The edits that turn the launch whose `<<<` stands at `at` into a call."""
    start, stop = callee_start(plain, at), configuration_end(plain, at + 3)
    if start is None or stop is None:
        return []
    callee = text[start:at].strip()
    bracket = re.compile(r"\s*").match(plain, stop + 3).end()  # type: ignore[union-attr]
    if plain[bracket : bracket + 1] != "(":
        return []
    arguments = pieces(plain[bracket + 1 : closing(plain, bracket)], angles=False)
    kernel = known.get(re.split(r"<", callee)[0].split("::")[-1].strip())
    given = pieces(callee[callee.find("<") + 1 : -1]) if callee.endswith(">") else []
    deduced = kernel is not None and kernel.must_deduce(len(given), len(arguments))
    lines = "\n" * text[start:at].count("\n")
    if deduced:
        head = f"emu::launcher(EMU_DEDUCED({callee}), __LINE__, "
    else:
        head = f"emu::launcher(EMU_KERNEL({callee}), __LINE__, "
    head = head.replace("\n", " ") + lines
    return [(start, at + 3, f"{head}emu::Config("), (stop, stop + 3, "))")]


def callee_start(plain: str, at: int) -> int | None:
    """Where the expression begins that names the kernel before `<<<`."""
    end = len(plain[:at].rstrip())
    if end and plain[end - 1] == ">":
        end = opening(plain, end - 1, "<>")
        if end < 0:
            return None
        end = len(plain[:end].rstrip())
    elif end and plain[end - 1] == ")":
        return opening(plain, end - 1, "()")
    name = re.compile(r"(?:(?:::\s*)?\b\w+(?:\s*::\s*\w+|->\w+|\.\w+|\[\w+\])*)\s*$")
    found = name.search(plain[max(0, end - 300) : end])
    return None if found is None else max(0, end - 300) + found.start()


def configuration_end(plain: str, at: int) -> int | None:
    """Where the `>>>` stands that ends a launch's configuration."""
    depth = 0
    for i in range(at, len(plain)):
        depth += (plain[i] in OPEN) - (plain[i] in CLOSE)
        if not depth and plain.startswith(">>>", i):
            return i
        if depth < 0 or plain[i] == ";":
            return None
    return None


LAUNCHERS = re.compile(
    r"\b(?:cudaLaunchCooperativeKernel|cudaLaunchKernel|cudaFuncSetAttribute"
    r"|cudaFuncSetCacheConfig|cudaFuncGetAttributes)\s*\("
)
CAST = re.compile(r"\(\s*(?:const\s+)?void\s*\*\s*\)\s*&?|\breinterpret_cast<[^>]*\*>\s*(?=\()")


def casts_of_launches(plain: str) -> list[tuple[int, int, str]]:
    """Edits that take `(void*)` from a kernel that is passed on: its type tells its arguments."""
    edits = []
    for match in LAUNCHERS.finditer(plain):
        stop = closing(plain, match.end() - 1)
        edits += [(m.start(), m.end(), "") for m in CAST.finditer(plain, match.end(), stop)]
    return edits


# ---- shared memory -------------------------------------------------------------------------------

DYNAMIC = re.compile(r"\bextern\b((?:[^;{}()\[\]=]|\([^()]*\))*?)\b(\w+)\s*\[\s*\]\s*;")
ALIGNED = re.compile(
    r"\b(?:__align__|alignas)\s*\([^()]*\)|\b__shared__\b|\b__attribute__\s*\(\(.*?\)\)"
)
STATIC = re.compile(
    r"\bstatic(?=\s+(?:const\s+|volatile\s+)?__shared__\b)|(?<=__shared__)\s+static\b"
)
SCOPES = re.compile(r"(?:\bnamespace\b[\s\w:]*|\bextern\s*)$")


def with_shared(text: str) -> str:
    """The text with `extern __shared__ T name[]` as a pointer to the block's dynamic shared memory,
    and `static __shared__` as `__shared__`, which says the same.
    """
    plain = blanked(text)
    if "__shared__" not in plain:
        return text
    edits = [(m.start(), m.end(), " " * len(m[0])) for m in STATIC.finditer(plain)]
    for match in DYNAMIC.finditer(plain):
        if "__shared__" not in match[1]:
            continue
        kind = " ".join(ALIGNED.sub(" ", match[1]).split())
        pointer = f"{kind}* {match[2]} = ({kind}*)emu::dynamic_shared;"
        if at_file_level(plain, match.start()):  # where there is no block yet
            pointer = f"static {kind}*& {match[2]} = ({kind}*&)emu::dynamic_shared;"
        edits.append((match.start(), match.end(), pointer + "\n" * match[0].count("\n")))
    return edited(text, edits)


def at_file_level(plain: str, at: int) -> bool:
    """Whether a place lies in no braces but those of namespaces and `extern "C"`."""
    depth = []
    for match in re.finditer(r"[{}]", plain[:at]):
        if match[0] == "{":
            depth.append(SCOPES.search(plain[: match.start()].rstrip()) is None)
        elif depth:
            depth.pop()
    return not any(depth)


# ---- code that counts on lanes in step -----------------------------------------------------------

# s[t] += s[t + 16];   s[t] = s[t] + s[t + 16];
FROM_A_NEIGHBOUR = re.compile(
    r"(\w+)\s*\[\s*(\w+)\s*\]\s*[+*]?=[^;=]*\b\1\s*\[\s*\2\s*\+\s*\w+\s*\][^;]*;"
)


def warp_synchronous(text: str) -> tuple[int, int] | None:
    """The first and last line of sums from neighbouring lanes that nothing orders; None if there
    are none. They go by two statements or more, one after another, as in Harris's reductions.
    """
    plain = blanked(text)
    found = list(FROM_A_NEIGHBOUR.finditer(plain))
    for a, b in pairwise(found):
        between = plain[a.end() : b.start()]
        quiet = re.fullmatch(r"[\s{}]*(?:if\s*\([^()]*\)[\s{]*)?", between)
        if quiet and (a[1], a[2]) == (b[1], b[2]):
            return plain[: a.start()].count("\n") + 1, plain[: b.end()].count("\n") + 1
    return None


# ---- what a file includes ------------------------------------------------------------------------

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)


def included(text: str) -> list[tuple[int, int, str, bool]]:
    """The includes of a text: where the name with its quotes stands, the name, and whether it is
    in quotes (looked for beside the file first).
    """
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    rows = []
    for match in INCLUDE.finditer(plain):
        group = 1 if match[1] is not None else 2
        rows.append((match.start(group) - 1, match.end(group) + 1, match[group], group == 1))
    return rows
