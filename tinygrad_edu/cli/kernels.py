"""tinygrad-edu kernels: show the kernels, and what each does to memory."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..engine.errors import KernelError, TinygradEduError
from .errors import Stop, did_you_mean
from .parser import Parser, number, shape

NAME = "kernels"
HELP = "show the kernels, what each does to memory, and run CUDA programs on the CPU"

Shapes = list[tuple[int, ...]] | None


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Look at the kernels: those in CUDA C, which the emulator runs without a GPU, and those of"
        " the CPU in C++."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "show every kernel: op, device, rung, idea, file"
    listing = actions.add_parser("list", help=text, description=f"{text.capitalize()}.")
    listing.add_argument("--json", action="store_true", help="as JSON, for programs")
    listing.set_defaults(action=list_kernels)
    profiling = actions.add_parser("profile", help="count and check a kernel's accesses by line")
    profiling.set_defaults(action=profile_kernels)
    add_profile_arguments(profiling)
    text = "how many blocks of a kernel fit onto a multiprocessor, and what limits them"
    fitting = actions.add_parser("occupancy", help=text)
    fitting.description = f"Tell {text}, for each kind of GPU."
    fitting.add_examples(
        "tinygrad-edu kernels occupancy --threads 256 --registers 40 --shared 8192",
        "tinygrad-edu kernels occupancy --kernel softmax_5_registers --threads 128",
    )
    whole = number(int, 0)
    fitting.add_argument("--threads", type=whole, required=True, metavar="N", help="of a block")
    fitting.add_argument(
        "--registers", type=whole, metavar="N", help="of a thread, as `nvcc -Xptxas -v` tells"
    )
    fitting.add_argument(
        "--shared", type=whole, default=0, metavar="BYTES", help="shared memory of a block"
    )
    fitting.add_argument(
        "--kernel", metavar="NAME", help="a kernel of this project, whose registers are known"
    )
    fitting.set_defaults(action=show_occupancy)
    text = "run a whole CUDA program without a GPU"
    running = actions.add_parser("run", help=text)
    running.set_defaults(action=run_program)
    add_run_arguments(running)


def add_profile_arguments(parser: Parser) -> None:
    parser.description = (
        "Run the kernels of an op on the emulator. Count sectors, bank conflicts and FLOPs by"
        " source line; look for races and accesses out of bounds."
    )
    parser.add_examples(
        "tinygrad-edu kernels profile softmax --rung 3 --shape 1024x256",
        "tinygrad-edu kernels profile softmax --html softmax.html",
    )
    parser.add_argument("op", metavar="OP", help="an op of `tinygrad-edu kernels list`")
    parser.add_argument("--rung", metavar="R", help="one kernel of the op (default: all in turn)")
    parser.add_argument(
        "--shape",
        type=shape,
        nargs="+",
        metavar="AxB",
        help=(
            "shapes of the op's inputs, in order; one shape is enough if all inputs have the same"
            " shape (default: an example of the op)"
        ),
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write the source with its counters to a page"
    )


def add_run_arguments(parser: Parser) -> None:
    parser.description = (
        "Compile a CUDA program with its main function and run it on the CPU. Its output, input and"
        " exit code are its own. What the device finds wrong is told on stderr."
    )
    parser.add_examples(
        "tinygrad-edu kernels run program.cu",
        "tinygrad-edu kernels run --check program.cu 1024",
        "tinygrad-edu kernels run -I include --with other.cu --profile program.cu --size 64",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help=("look for races and accesses out of bounds in all launches; exit code 1 if any"),
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help=("count sectors and bank conflicts by source line, in the first launch of each line"),
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the profile to a page")
    parser.add_argument(
        "--with",
        dest="others",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="another source file of the program",
    )
    parser.add_argument(
        "-I",
        dest="folders",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="where else #include looks",
    )
    parser.add_argument(
        "-D",
        dest="defines",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a macro for the program",
    )
    parser.add_argument("program", type=Path, metavar="PROGRAM.cu", help="the file with main")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS", help="the program's own"
    )


def run(flags: argparse.Namespace) -> int:
    return flags.action(flags)


# ---- list ----------------------------------------------------------------------------------------


def list_kernels(flags: argparse.Namespace) -> int:
    from ..devices.source import kernels_folder
    from ..devices.table import all_ladders, native_ladders

    table = [("op", "device", "rung", "idea", "file")]
    sides = (("cuda", all_ladders()), ("cpu", native_ladders()))
    for op in sorted({*sides[0][1], *sides[1][1]}):
        for device, rung in ((d, r) for d, ladders in sides for r in ladders.get(op, ())):
            written = (kernels_folder() / rung.source.name).exists()
            file = f"kernels/{rung.source.name}" if written else "generated"
            table.append((op, device, rung.label, rung.idea.replace("_", " "), file))
    if flags.json:
        print(json.dumps([dict(zip(table[0], row)) for row in table[1:]], indent=1))
        return 0
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        print("  ".join(f"{text:<{width}}" for text, width in zip(row, widths)).rstrip())
    return 0


# ---- occupancy -----------------------------------------------------------------------------------


def show_occupancy(flags: argparse.Namespace) -> int:
    from ..devices.occupancy import LIMITS, occupancy, registers_of

    if flags.registers is None and flags.kernel is None:
        raise Stop("--registers or --kernel must be given, got neither. See --help.")
    for capability in LIMITS:
        registers = flags.registers or registers_of(flags.kernel or "", capability)
        if registers is None:
            print(f"{capability:>5}  the registers of {flags.kernel} are not known")
            continue
        try:
            said = str(occupancy(flags.threads, flags.shared, registers, capability))
        except KernelError:
            said = "a block does not fit"
        print(f"{capability:>5}  {registers:>3} registers  {said}")
    return 0


# ---- run -----------------------------------------------------------------------------------------


def run_program(flags: argparse.Namespace) -> int:
    from ..devices.emu.program import Program, run

    files = (flags.program, *flags.others)
    program = Program(files, tuple(flags.folders), tuple(flags.defines))
    watch = flags.check or flags.profile or flags.html is not None
    finished = run(program, flags.arguments, watch, launches=0 if flags.check else 1)
    if flags.profile:
        print(finished.profile)
    elif flags.check:
        print("\n".join(finished.profile.problems) or "No problem found.")
    if flags.html is not None:
        finished.profile.html(flags.html)
    code = finished.code if finished.code >= 0 else 128 - finished.code
    return code or (1 if finished.profile.problems else 0)


# ---- profile -------------------------------------------------------------------------------------


def profile_kernels(flags: argparse.Namespace) -> int:
    from ..devices.emu.profile import profile

    rungs = rungs_to_run(flags.op, flags.rung)
    with profile() as p:
        ran = [rung for rung in rungs if run_rung(flags.op, rung, flags.shape)]
    if not ran:
        given = "the op's examples"
        if flags.shape:
            given = f"the shapes {' '.join(','.join(map(str, s)) for s in flags.shape)}"
        raise Stop(
            f"{flags.op}: at least one kernel must take the arguments, got none for {given}. Give"
            " other shapes with --shape."
        )
    print(p)
    if flags.html is not None:
        p.html(flags.html)
    return 1 if p.problems else 0


def rungs_to_run(op: str, rung: str | None) -> list[str]:
    """The op's rungs, or the one that was asked for; makes sure that they can be run alone."""
    from ..devices.launch import ladders
    from ..engine.device import registry

    if op not in ladders:
        advice = did_you_mean(op, ladders, "See `tinygrad-edu kernels list`.")
        raise Stop(f"OP must be an op with kernels, got {op!r}. {advice}")
    names = [f"{r.number}{r.track}" for r in ladders[op]]
    if rung is not None and rung not in names:
        raise Stop(
            f"--rung must be one of {', '.join(names)} for {op}, got {rung!r}. See"
            " `tinygrad-edu kernels list`."
        )
    if op not in registry or not registry[op].cases:
        raise Stop(
            f"{op}: must have example calls to be run alone, got none, since it serves other ops."
            " Profile it in your program: `with tinygrad_edu.profile() as p:`."
        )
    return names if rung is None else [rung]


def run_rung(op: str, rung: str, shapes: Shapes) -> bool:
    """Run a kernel on the first of the op's example calls that it takes, with inputs of the given
    shapes. Returns whether there was one.
    """
    from ..autograd import no_grad
    from ..devices.table import use_kernel
    from ..engine.device import functional, registry

    for case in registry[op].cases:
        try:
            with use_kernel(**{op: rung}), no_grad():
                getattr(functional, op)(*example_inputs(case, shapes), **case.attrs)
            return True
        except (TinygradEduError, TypeError) as error:
            # The call fits neither kernel nor shapes. What the kernel does wrong must be seen.
            if isinstance(error, KernelError) and "the kernel takes" not in str(error):
                raise
    return False


def example_inputs(case: Any, shapes: Shapes) -> list[Any]:
    """The arguments of an example call on the emulated GPU, its inputs reshaped."""
    from ..engine.case import Sample

    inputs = [i for i, arg in enumerate(case.args) if isinstance(arg, Sample)]
    wanted: dict[int, tuple[int, ...]] = dict(zip(inputs, shapes or ()))
    if shapes and len(shapes) == 1 and len({case.args[i].shape for i in inputs}) == 1:
        wanted = dict.fromkeys(inputs, shapes[0])
    return [fill(arg, wanted.get(i), seed=i) for i, arg in enumerate(case.args)]


def fill(value: Any, to: tuple[int, ...] | None, seed: int) -> Any:
    """A Tensor for each Sample in `value`, of the shape `to` if that is given."""
    from ..engine.case import Sample
    from ..engine.device import get_device
    from ..engine.tensor import Tensor

    if isinstance(value, tuple) and value and isinstance(value[0], Sample):
        return tuple(fill(v, to, seed + i) for i, v in enumerate(value))
    if not isinstance(value, Sample):
        return value
    if to is not None:
        value = Sample(*to, low=value.low, high=value.high, kind=value.kind)
    emu = get_device("emu")
    return Tensor(emu.asarray(value.make(seed, "float32")), emu)
