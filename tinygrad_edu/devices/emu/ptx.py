"""Inline PTX as C++: each `asm` statement becomes calls of shim/emu_ptx.h, by a table of patterns.

An instruction that the table does not have becomes a call that ends the launch with its line: a
program may hold PTX that it never runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..text import blanked, closing, edited, pieces

ASM = re.compile(r"\b(?:asm|__asm__|__asm)\s*(?:volatile|__volatile__)?\s*\(")
OPERAND = re.compile(r'(?:\[(\w+)\]\s*)?"([^"]*)"\s*\((.*)\)\s*$', re.S)
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')
ELEMENTS = {"b8": "unsigned char", "u8": "unsigned char", "s8": "signed char"}
ELEMENTS |= {"b16": "unsigned short", "u16": "unsigned short", "s16": "short"}
ELEMENTS |= {"b32": "unsigned", "u32": "unsigned", "s32": "int", "f32": "emu::raw"}
ELEMENTS |= {"b64": "unsigned long long", "u64": "unsigned long long", "s64": "long long"}
ELEMENTS |= {"f64": "double"}

Words = Sequence[str]
TABLE: list[tuple[re.Pattern[str], Callable[..., str]]] = []


def pattern(text: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Add a row: the instruction, with `#` for one operand and `##` for several in braces."""
    # the braces around several may be there or not
    text = text.replace("##", r"\{?([^{}\[\]]*?)\}?").replace("#", r"([^,\[\]{}]+?)")

    def add(write: Callable[..., str]) -> Callable[..., str]:
        TABLE.append((re.compile(text), write))
        return write

    return add


def simple(text: str, code: str) -> None:
    """A row whose C++ names the operands in order: $1, $2."""

    def write(*operands: str) -> str:
        return re.sub(r"\$(\d)", lambda m: operands[int(m[1]) - 1], code)

    pattern(text)(write)


def with_ptx(text: str) -> str:
    """The text with each `asm` statement as C++."""
    plain = blanked(text)
    edits = []
    for match in ASM.finditer(plain):
        stop = closing(plain, match.end() - 1)
        whole = text[match.start() : stop + 1]
        code = statement(text[match.end() : stop], plain[match.end() : stop])
        lines = ("\\\n" if "\\\n" in whole else "\n") * whole.count("\n")
        edits.append((match.start(), stop + 1, code + lines))
    return edited(text, edits)


def statement(text: str, plain: str) -> str:
    """The C++ of what stands between the parentheses of an `asm` statement."""
    parts = sections(text, plain)
    words = " ".join(LITERAL.findall(parts[0]))
    operands: list[str] = []
    names: dict[str, int] = {}
    for part in parts[1:3]:
        for piece in pieces(part.replace("\\\n", " "), angles=False):
            found = OPERAND.match(piece)
            if found is None:
                return unknown(words)
            if found[1]:
                names[found[1]] = len(operands)
            operands.append("(" + " ".join(found[3].split()) + ")")
    for name, number in names.items():
        words = words.replace(f"%[{name}]", f"%{number}")
    return translated(words, operands)


def sections(text: str, plain: str) -> list[str]:
    """The template, the outputs, the inputs and the clobbers, which colons divide."""
    depth, cuts = 0, [-1]
    for i, c in enumerate(plain):
        depth += (c in "([{") - (c in ")]}")
        if c == ":" and not depth:
            cuts.append(i)
    return [text[a + 1 : b] for a, b in zip(cuts, [*cuts[1:], len(text)])]


def normal(words: str) -> str:
    """Instructions in one line, with single spaces."""
    words = re.sub(r"\\[nt]|//[^\\]*(?=\\n|$)", " ", words).replace("%%", "%")
    return " ".join(re.sub(r"\s*;\s*", "; ", words).split()).strip(" ;")


def translated(words: str, operands: Words) -> str:
    """The C++ of instructions with these operands."""
    line = normal(words)
    if not line:
        return "(void)0"
    whole = one(line, operands)
    if whole is not None:
        return whole
    inner = line.strip("{} ;") if line.startswith("{") else line
    found = [one(part.strip(), operands) for part in inner.split(";") if part.strip()]
    if any(code is None for code in found):
        return unknown(line)
    return "do { " + "; ".join(code or "" for code in found) + "; } while (0)"


def one(instruction: str, operands: Words) -> str | None:
    """The C++ of one instruction, None if the table does not have it."""
    for form, write in TABLE:
        found = form.fullmatch(instruction)
        if found is not None:
            return write(*(filled(group or "", operands) for group in found.groups()))
    return None


def filled(text: str, operands: Words) -> str:
    """Operand numbers replaced by the expressions; names of registers stay."""

    def expression(match: re.Match[str]) -> str:
        number = int(match[1])
        return operands[number] if number < len(operands) else match[0]

    return re.sub(r"%(\d+)", expression, text.strip())


def unknown(words: str) -> str:
    name = re.sub(r"[\"\\]", "", normal(words))[:60]
    return (
        f'emu::refuse(__LINE__, "the emulator must know an instruction, got the PTX {name}",'
        ' "Write it in CUDA C, or put another way under #ifdef __CUDA_EMU__.")'
    )


# ---- the table -----------------------------------------------------------------------------------

SPECIAL = {
    "laneid": "emu::current->lane",
    "warpid": "emu::current->warp",
    "nwarpid": "32",
    "smid": "0",
    "nsmid": "1",
    "clock": "(unsigned)emu::clock_now()",
    "clock64": "emu::clock_now()",
    "globaltimer": "emu::clock_now()",
    "globaltimer_lo": "(unsigned)emu::clock_now()",
    "lanemask_lt": "((1u << emu::current->lane) - 1)",
    "lanemask_le": "((2u << emu::current->lane) - 1)",
    "lanemask_eq": "(1u << emu::current->lane)",
    "lanemask_gt": "~((2u << emu::current->lane) - 1)",
    "lanemask_ge": "~((1u << emu::current->lane) - 1)",
    **{f"tid.{c}": f"threadIdx.{c}" for c in "xyz"},
    **{f"ctaid.{c}": f"blockIdx.{c}" for c in "xyz"},
    **{f"ntid.{c}": f"blockDim.{c}" for c in "xyz"},
    **{f"nctaid.{c}": f"gridDim.{c}" for c in "xyz"},
}
for register, value in SPECIAL.items():
    simple(rf"mov\.[us](?:32|64) #, %{re.escape(register)}", f"$1 = {value}")
simple(r"activemask\.b32 #", "$1 = __activemask()")
simple(r"mov\.[bufs](?:16|32|64) #, #", "emu::as_bits($1, $2)")

SHARED = r"\.shared(?:::cta)?"
simple(r"cvta\.to\.shared\.u64 #, #", "$1 = emu::shared_address((const void*)$2)")
simple(r"cvta\.to\.global\.u64 #, #", "$1 = (unsigned long long)$2")
simple(
    r"\{ ?\.reg \.u64 \w+; cvta\.to\.shared\.u64 \w+, #; cvt\.u32\.u64 #, \w+; ?\}",
    "$2 = emu::shared_address((const void*)$1)",
)
COPY = rf"cp\.async\.(?:ca|cg){SHARED}\.global(?:\.L2::\w+)?"
simple(
    rf"{COPY} \[#\], \[#\], #",
    "emu::copy_async(emu::from_shared($1), (const void*)$2, __LINE__, $3)",
)
simple(
    rf"{COPY} \[#\], \[#\], #, #",
    "emu::copy_part(emu::from_shared($1), (const void*)$2, __LINE__, $3, (int)$4)",
)
simple(
    rf"\{{ ?\.reg \.pred (\w+); setp\.ne\.b32 \w+, #, 0; @\w+ {COPY} \[#\], \[#\], #; ?\}}",
    "if ($2) emu::copy_async(emu::from_shared($3), (const void*)$4, __LINE__, $5)",
)
simple(r"cp\.async\.commit_group", "emu::commit_async(__LINE__)")
simple(r"cp\.async\.wait_group #", "emu::wait_async($1)")
simple(r"cp\.async\.wait_all", "(emu::commit_async(__LINE__), emu::wait_async(0))")


@pattern(rf"ldmatrix\.sync\.aligned\.m8n8\.x([124])(\.trans)?{SHARED}\.b16 ##, \[#\]")
def ldmatrix(count: str, turned: str, to: str, address: str) -> str:
    way = "true" if turned else "false"
    return f"emu::load_matrices<{count}, {way}>({address}, __LINE__, {to})"


KINDS = {"f16": "h", "bf16": "b", "tf32": "t", "s8": "s", "u8": "u"}
MMA = r"mma\.sync\.aligned\.m16n8k(\d+)\.row\.col(?:\.satfinite)?\.(f32|f16|s32)\.(\w+)\.(\w+)"


@pattern(rf"{MMA}\.(?:f32|f16|s32) ##, ##, ##, ##")
def mma(k: str, into: str, a: str, b: str, d: str, va: str, vb: str, c: str) -> str:
    to, start = pieces(d, angles=False), pieces(c, angles=False)
    na, nb = len(pieces(va, angles=False)), len(pieces(vb, angles=False))
    call = f"emu::multiply_tile<'{KINDS[a]}', '{KINDS[b]}', {k}>(emu_d, emu_a, emu_b, __LINE__)"
    words = f"unsigned emu_a[{na}] = {{{va}}}, emu_b[{nb}] = {{{vb}}};"
    if into == "f16":
        start = [f"(emu::raw)emu::number_in<'h'>({v}, {i})" for v in start for i in (0, 1)]
        ends = [f"{to[i]} = emu::pack_halves(emu_d[{2 * i}], emu_d[{2 * i + 1}]);" for i in (0, 1)]
    else:
        ends = [f"{name} = emu_d[{i}];" for i, name in enumerate(to)]
    kind = "int" if into == "s32" else "emu::raw"
    return (
        f"do {{ {words} {kind} emu_d[4] = {{{', '.join(start)}}}; {call}; {' '.join(ends)} }}"
        " while (0)"
    )


HINTS = r"(?:\.(?:volatile|relaxed|acquire|release|weak|nc|ca|cg|cs|lu|cv|wb|wt|gpu|cta|sys))*"
HINTS += r"(?:\.L1::\w+)?(?:\.L2::\w+)*"


def place(space: str, address: str) -> str:
    return f"emu::from_shared({address})" if space == "shared" else f"(void*){address}"


@pattern(rf"ld\.?(?:volatile\.)?(global|shared)(?:::cta)?{HINTS}(?:\.v[248])?\.(\w+) ##, \[#\]")
def load(space: str, kind: str, to: str, address: str) -> str:
    return f"emu::load_all<{ELEMENTS.get(kind, 'unsigned')}>({place(space, address)}, {to})"


@pattern(rf"st\.?(?:volatile\.)?(global|shared)(?:::cta)?{HINTS}(?:\.v[248])?\.(\w+) \[#\], ##")
def store(space: str, kind: str, address: str, values: str) -> str:
    return f"emu::store_all<{ELEMENTS.get(kind, 'unsigned')}>({place(space, address)}, {values})"


simple(r"prefetch[\w.:]* \[#\]", "(void)$1")
simple(r"(?:membar|fence)[\w.:]*", "(void)0")
simple(r"(?:bar\.sync|barrier\.sync(?:\.aligned)?) 0", "__syncthreads()")
simple(r"bar\.warp\.sync #", "__syncwarp($1)")
simple(r"nanosleep\.u32 #", "(void)$1")
simple(r"trap", "__trap()")
APPROX = r"(?:\.approx|\.rn|\.full)?(?:\.ftz)?\.f32"
for name, code in {
    "ex2": "exp2f($2)",
    "lg2": "log2f($2)",
    "rcp": "1.0f / $2",
    "rsqrt": "rsqrtf($2)",
    "sqrt": "sqrtf($2)",
    "tanh": "tanhf($2)",
    "sin": "sinf($2)",
    "cos": "cosf($2)",
    "abs": "fabsf($2)",
    "neg": "-$2",
}.items():
    simple(rf"{name}{APPROX} #, #", f"$1 = {code}")
TYPED = r"(?:\.rn|\.lo)?(?:\.ftz)?\.(?:f32|f64|[us](?:16|32|64))"
for name, op in {"add": "+", "sub": "-", "mul": "*", "div": "/"}.items():
    simple(rf"{name}{TYPED} #, #, #", f"$1 = $2 {op} $3")
simple(rf"div{APPROX} #, #, #", "$1 = $2 / $3")
simple(rf"max{TYPED} #, #, #", "$1 = max($2, $3)")
simple(rf"min{TYPED} #, #, #", "$1 = min($2, $3)")
simple(r"fma\.rn(?:\.ftz)?\.f32 #, #, #, #", "$1 = fmaf($2, $3, $4)")
simple(r"fma\.rn\.f64 #, #, #, #", "$1 = fma($2, $3, $4)")
simple(r"mad\.lo\.[us](?:32|64) #, #, #, #", "$1 = $2 * $3 + $4")
simple(r"mul\.hi\.u32 #, #, #", "$1 = __umulhi($2, $3)")
simple(r"mul\.wide\.[us]32 #, #, #", "$1 = (decltype($1 + 0))$2 * $3")
for name, op in {"and": "&", "or": "|", "xor": "^", "shl": "<<"}.items():
    simple(rf"{name}\.b(?:32|64) #, #, #", f"$1 = $2 {op} $3")
simple(r"shr\.[bu]32 #, #, #", "$1 = (unsigned)$2 >> $3")
simple(r"not\.b32 #, #", "$1 = ~$2")
simple(r"popc\.b32 #, #", "$1 = __popc($2)")
simple(r"clz\.b32 #, #", "$1 = __clz($2)")
simple(r"brev\.b32 #, #", "$1 = __brev($2)")
simple(r"bfe\.u32 #, #, #, #", "$1 = (unsigned)((unsigned long long)$2 >> $3 & ((1ull << $4) - 1))")
simple(
    r"bfi\.b32 #, #, #, #, #",
    "$1 = ($3 & ~((unsigned)((1ull << $5) - 1) << $4)) | "
    "(($2 & (unsigned)((1ull << $5) - 1)) << $4)",
)
simple(r"prmt\.b32 #, #, #, #", "$1 = __byte_perm($2, $3, $4)")
simple(r"lop3\.b32 #, #, #, #, #", "$1 = emu::logic3($2, $3, $4, $5)")
simple(r"shf\.l\.wrap\.b32 #, #, #, #", "$1 = __funnelshift_l($2, $3, $4)")
simple(r"shf\.r\.wrap\.b32 #, #, #, #", "$1 = __funnelshift_r($2, $3, $4)")
simple(r"redux\.sync\.(\w+)\.u32 #, #, #", "$2 = __reduce_$1_sync($4, (unsigned)$3)")
simple(r"redux\.sync\.(\w+)\.s32 #, #, #", "$2 = __reduce_$1_sync($4, (int)$3)")
simple(r"redux\.sync\.(\w+)\.b32 #, #, #", "$2 = __reduce_$1_sync($4, (unsigned)$3)")
simple(r"vote\.sync\.ballot\.b32 #, #, #", "$1 = __ballot_sync($3, $2)")
for name, call in {"idx": "", "up": "_up", "down": "_down", "bfly": "_xor"}.items():
    simple(rf"shfl\.sync\.{name}\.b32 #, #, #, #, #", f"$1 = __shfl{call}_sync($5, $2, $3)")
simple(r"cvt\.rn(?:\.satfinite)?\.f16x2\.f32 #, #, #", "$1 = emu::pack_halves($3, $2)")
simple(r"cvt\.rn(?:\.satfinite)?\.bf16x2\.f32 #, #, #", "$1 = emu::pack_bfloats($3, $2)")
simple(r"cvt\.rna\.tf32\.f32 #, #", "$1 = emu::to_tf32($2)")
simple(r"cvt\.u32\.u64 #, #", "$1 = (unsigned)$2")
simple(
    r"red\.(?:\w+\.)*add\.(?:f32|f64|[us]32|u64) \[#\], #", "atomicAdd((decltype($2 + 0)*)$1, $2)"
)
simple(
    r"atom\.(?:\w+\.)*add\.(?:f32|f64|[us]32|u64) #, \[#\], #",
    "$1 = atomicAdd((decltype($1 + 0)*)$2, $3)",
)
