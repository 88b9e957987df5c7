"""The command `tinygrad-edu`: train a recipe, use what it learnt, look at kernels and at the
machine.

Exit codes: 0 done; 1 training went wrong (the loss is not finite) or a kernel has a bug; 2 wrong
arguments, files or devices; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from .devices.cpu.threads import IDLE_SPIN, get_num_threads, set_num_threads, usable_cores
from .engine.errors import KernelError, TinygradEduError

EXTRAS = (  # (module, pip name, what it gives)
    ("safetensors", "safetensors", "saving and loading checkpoints"),
    ("threadpoolctl", "threadpoolctl", "choosing the number of threads"),
    ("rich", "rich", "a progress bar that moves"),
    ("matplotlib", "matplotlib", "curves.png and mistakes.png"),
    ("PIL", "pillow", "predict, which reads images"),
    ("numba", "numba", "faster kernels on the CPU"),
    ("cupy", "cupy-cuda13x", "training on an NVIDIA GPU"),
)


class Stop(TinygradEduError):
    """A wrong argument: one line, exit code 2."""


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str) -> Any:
        raise Stop(f"{message}. See `{self.prog} --help`.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        flags = make_parser().parse_args(arguments)
        return flags.command(flags)
    except KeyboardInterrupt:
        print("\nStopped at once. What was saved before is whole.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except TinygradEduError as error:
        return say_error(error)


def say_error(error: TinygradEduError) -> int:
    """Tell the user in one line, and give the exit code that belongs to it."""
    kind = type(error).__name__
    text = " ".join(str(error).split())
    print(text if kind == "Interrupted" else f"tinygrad-edu: {text}", file=sys.stderr, flush=True)
    return {"Interrupted": 130, "Diverged": 1}.get(kind, 2)


def make_parser() -> Parser:
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
    # a new command is a function here
    for add in (add_train, add_predict, add_list, add_kernels, add_bench, add_doctor):
        add(commands)
    return parser


# ---- train ---------------------------------------------------------------------------------------


def add_train(commands: Any) -> None:
    from . import recipes
    from .recipes import MODULES, Option

    p = commands.add_parser(
        "train",
        help="train a recipe",
        description="Train a recipe. Ctrl-C saves and stops; --resume goes on, bit for bit.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n  tinygrad-edu train mnist-cnn\n  tinygrad-edu train mnist-cnn --data"
            " download --epochs 5 --out runs/full\n  tinygrad-edu train mnist-cnn --resume"
        ),
    )
    p.add_argument(
        "recipe", choices=MODULES, metavar="RECIPE", help=f"one of: {', '.join(MODULES)}"
    )
    p.add_argument(
        "--data",
        metavar="WHERE",
        help="embedded (default), download, or a folder with the data's files",
    )
    p.add_argument("--epochs", type=number(int, 1), metavar="N", help="passes over the data")
    p.add_argument(
        "--lr", type=number(float, 0, open_end=True), metavar="X", help="highest learning rate"
    )
    p.add_argument("--batch-size", type=number(int, 1), metavar="N", help="images a step")
    p.add_argument(
        "--seed",
        type=number(int, 0),
        metavar="N",
        help="the same seed gives the same run (default 0)",
    )
    p.add_argument(
        "--limit",
        type=number(int, 10),
        metavar="N",
        help="use only N training images and at most N test images, for a quick try",
    )
    p.add_argument("--device", metavar="D", help="cpu (default), cuda, emu")
    p.add_argument(
        "--threads",
        type=number(int, 1),
        metavar="N",
        help="threads for matrix products (default: all cores; 1 is best on a busy machine)",
    )
    p.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for checkpoints, metrics and plots (default runs/RECIPE)",
    )
    p.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out; flags left away are taken from it",
    )
    p.add_argument("--overwrite", action="store_true", help="replace the run in --out")
    p.add_argument(
        "--save-every",
        type=number(float, 0),
        default=30.0,
        metavar="S",
        help="seconds between saves within an epoch (default 30)",
    )
    p.add_argument(
        "--patience",
        type=number(int, 1),
        metavar="N",
        help="stop when N epochs in a row brought nothing better",
    )
    p.add_argument(
        "--tensorboard",
        action="store_true",
        help="write the metrics for TensorBoard too (needs tensorboardX)",
    )
    # two recipes may have a flag of one name, with other choices
    own: dict[str, list[tuple[str, Option]]] = {}
    for name in MODULES:
        for option in recipes.get(name).RECIPE.options:
            own.setdefault(option.name, []).append((name, option))
    for same in own.values():
        option = same[0][1]
        text = "; ".join(
            f"{name}: {o.help}" + (f" ({', '.join(map(str, o.choices))})" if o.choices else "")
            for name, o in same
        )
        p.add_argument(
            option.flag,
            dest=option.name,
            type=type(option.default),
            metavar=option.name[0].upper(),
            help=text.replace("%", "%%"),
        )
    p.set_defaults(command=train, own=set(own))


def train(flags: argparse.Namespace) -> int:
    from . import recipes
    from .train.run import Run

    if flags.resume and flags.overwrite:
        raise Stop("--resume and --overwrite must not be given together. Choose one.")
    if flags.threads is not None:
        set_num_threads(flags.threads)
    module = recipes.get(flags.recipe)
    recipe = module.RECIPE
    defaults = {
        "data": "embedded",
        "epochs": recipe.epochs,
        "lr": recipe.lr,
        "batch_size": recipe.batch_size,
        "seed": 0,
        "limit": None,
        "patience": None,
        **{option.name: option.default for option in recipe.options},
    }
    foreign = sorted(
        name for name in flags.own - defaults.keys() if getattr(flags, name) is not None
    )
    if foreign:
        raise Stop(
            f"--{foreign[0].replace('_', '-')} is no flag of {recipe.name}, which has"
            f" {', '.join(o.flag for o in recipe.options) or 'none of its own'}. Leave it out."
        )
    for option in recipe.options:
        given = getattr(flags, option.name)
        if given is not None and option.choices and given not in option.choices:
            raise Stop(
                f"{option.flag} must be one of {', '.join(map(str, option.choices))} for"
                f" {recipe.name}, got {given!r}. Choose one of them."
            )
    settings = {
        name: getattr(flags, name) if getattr(flags, name) is not None or flags.resume else default
        for name, default in defaults.items()
    }
    if settings["data"] not in ("embedded", "download", None):
        settings["data"] = os.path.abspath(settings["data"])  # type: ignore[arg-type]  # argparse gives a string
    out = flags.out or Path("runs") / recipe.name
    with Run(
        recipe,
        settings,
        out,
        flags.device,
        flags.resume,
        flags.overwrite,
        flags.save_every,
        flags.tensorboard,
    ) as run:
        module.train(run)
    return 0


def number(kind: type, least: float, open_end: bool = False) -> Callable[[str], Any]:
    """An argparse type: a finite number of that kind, at least (or more than) `least`."""

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < least or (open_end and value == least):
            raise argparse.ArgumentTypeError(
                f"must be a{'n integer' if kind is int else ' number'}"
                f" {'above' if open_end else 'of at least'} {least}, got {text!r}"
            )
        return value

    return convert


# ---- predict -------------------------------------------------------------------------------------


def add_predict(commands: Any) -> None:
    p = commands.add_parser(
        "predict",
        help="ask a trained model about images",
        description=(
            "Print the likeliest classes of each image. Any size, grey or colour; a picture whose"
            " border is brighter than the middle of its range is taken as dark ink on paper and"
            " inverted. 28 x 28 pixels are taken as they are; other sizes are cut to the ink and"
            " centred."
        ),
    )
    p.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="best.safetensors or last.safetensors of a run"
    )
    p.add_argument(
        "images", nargs="+", metavar="IMAGE", help="PNG files (or whatever pillow reads)"
    )
    p.add_argument(
        "--top",
        type=number(int, 1),
        default=3,
        metavar="N",
        help="how many classes to print (default 3)",
    )
    p.set_defaults(command=predict)


def predict(flags: argparse.Namespace) -> int:
    from . import recipes
    from . import storage as io

    state = io.load(flags.checkpoint)
    if (
        not isinstance(state, dict)
        or not isinstance(state.get("recipe"), str)
        or not isinstance(state.get("model"), dict)
    ):
        raise Stop(
            "predict: CHECKPOINT must be written by `tinygrad-edu train`, got"
            f" {flags.checkpoint!r}. Give best.safetensors of a run's folder."
        )
    make = recipes.get(state["recipe"]).predictor
    if make is None:
        raise Stop(
            f"predict: the recipe must read images, got a checkpoint of {state['recipe']}. See"
            " `tinygrad-edu list`."
        )
    ask, code = make(state["model"]), 0
    width = max(map(len, flags.images))
    for image in flags.images:
        try:
            answers = ask(image)[: flags.top]
        except TinygradEduError as error:  # the others still get their answer
            code = say_error(error)
            continue
        print(
            f"{image:<{width}}  " + "   ".join(f"{name} {100 * p:5.1f} %" for name, p in answers),
            flush=True,
        )
    return code


# ---- list ----------------------------------------------------------------------------------------


def add_list(commands: Any) -> None:
    p = commands.add_parser(
        "list",
        help="show the recipes",
        description="Show the recipes with their data, time and expected score.",
    )
    p.set_defaults(command=list_recipes)


def list_recipes(flags: argparse.Namespace) -> int:
    from . import recipes

    for name in recipes.MODULES:
        r = recipes.get(name).RECIPE
        print(
            f"{r.name}: {r.task}\n  data   {r.data}\n  time   {r.time} on 2 CPU cores\n  score "
            f" {r.score}\n  run    tinygrad-edu train {r.name}"
        )
    return 0


# ---- bench ---------------------------------------------------------------------------------------


def add_bench(commands: Any) -> None:
    p = commands.add_parser(
        "bench",
        help="measure kernels: times on a GPU, counters without one",
        description=(
            "Check each rung of a ladder against float64, then time it beside its limit and other"
            " libraries (on cuda), or count what it moves (on emu)."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n  tinygrad-edu bench softmax --device emu\n  tinygrad-edu bench matmul"
            " --shape 4096x4096x4096 --out results.jsonl --plot matmul.png"
        ),
    )
    p.add_argument(
        "kernel",
        metavar="KERNEL",
        help="an op (softmax: all its rungs), one kernel (softmax_3_warp), or all",
    )
    p.add_argument(
        "--device",
        default="cuda",
        metavar="D",
        help="cuda (default): times. emu: what the CPU emulator counts; needs no GPU",
    )
    p.add_argument(
        "--shape",
        metavar="AxB",
        help="sizes, as in 16384x8192 (default: some that are large enough)",
    )
    p.add_argument(
        "--quick", action="store_true", help="small sizes and few samples, to see whether it works"
    )
    p.add_argument(
        "--seconds",
        type=number(float, 0),
        default=5.0,
        metavar="S",
        help="time for the samples of each shape (default 5)",
    )
    p.add_argument("--out", type=Path, metavar="FILE", help="add a line of JSON for each result")
    p.add_argument(
        "--plot",
        type=Path,
        metavar="PNG",
        help="draw each rung under the limits of the GPU (needs matplotlib)",
    )
    p.set_defaults(command=bench)


def bench(flags: argparse.Namespace) -> int:
    from .bench.command import bench as run

    return run(flags)


# ---- kernels -------------------------------------------------------------------------------------


def add_kernels(commands: Any) -> None:
    p = commands.add_parser(
        "kernels",
        help="show the kernels, and what each does to memory",
        description="Look at the CUDA C kernels. Needs no GPU: they run on the emulator.",
    )
    actions = p.add_subparsers(title="actions", metavar="ACTION", required=True)
    p = actions.add_parser(
        "list",
        help="show every kernel: op, rung, idea, file",
        description="Show every kernel: its op, rung, idea and file.",
    )
    p.set_defaults(command=list_kernels)
    p = actions.add_parser(
        "profile",
        help="count and check a kernel's accesses, line by line",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Run kernels of an op on the emulator; count sectors, bank conflicts and FLOPs by"
            " source line; look for races and accesses out of bounds."
        ),
        epilog=(
            "examples:\n  tinygrad-edu kernels profile softmax --rung 3 --shape 1024,256\n "
            " tinygrad-edu kernels profile softmax --html softmax.html"
        ),
    )
    p.add_argument("op", metavar="OP", help="an op of `tinygrad-edu kernels list`")
    p.add_argument(
        "--rung", metavar="R", help="which kernel of the op (default: all, one after another)"
    )
    p.add_argument(
        "--shape",
        type=shape,
        nargs="+",
        metavar="N,M",
        help=(
            "shapes of the op's inputs in order; one shape serves inputs that are alike (default:"
            " an example of the op)"
        ),
    )
    p.add_argument(
        "--html", type=Path, metavar="FILE", help="write the source with its counters to a page"
    )
    p.set_defaults(command=profile_kernels)


def shape(text: str) -> tuple[int, ...]:
    """An argparse type: `1024,256`."""
    try:
        sizes = tuple(int(n) for n in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 0:
        raise argparse.ArgumentTypeError(
            f"must be sizes with commas between, as 1024,256, got {text!r}"
        )
    return sizes


def list_kernels(flags: argparse.Namespace) -> int:
    from .devices.launch import ladders
    from .devices.source import kernels_folder

    rungs = [rung for op in sorted(ladders) for rung in ladders[op]]
    files = {
        r.name: (
            f"kernels/{r.source.name}"
            if (kernels_folder() / r.source.name).exists()
            else "generated"
        )
        for r in rungs
    }
    table = [
        ("op", "rung", "idea", "file"),
        *((r.op, f"{r.number}{r.track}", r.idea.replace("_", " "), files[r.name]) for r in rungs),
    ]
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    for row in table:
        print("  ".join(f"{text:<{width}}" for text, width in zip(row, widths)).rstrip())
    return 0


def profile_kernels(flags: argparse.Namespace) -> int:
    from .devices.emu.profile import profile
    from .devices.launch import ladders
    from .engine.device import registry

    if flags.op not in ladders:
        raise Stop(
            f"OP must be an op with kernels ({', '.join(sorted(ladders))}), got {flags.op!r}. See"
            " `tinygrad-edu kernels list`."
        )
    names = [f"{r.number}{r.track}" for r in ladders[flags.op]]
    if flags.rung is not None and flags.rung not in names:
        raise Stop(
            f"--rung must be one of {', '.join(names)} for {flags.op}, got {flags.rung!r}. See"
            " `tinygrad-edu kernels list`."
        )
    if flags.op not in registry or not registry[flags.op].cases:
        raise Stop(
            f"{flags.op}: must have example calls to run it by itself, got none: it serves other"
            " ops. Profile it in your program: `with tinygrad_edu.profile() as p:`."
        )
    with profile() as p:
        ran = [
            name
            for name in names
            if flags.rung in (None, name) and run_rung(flags.op, name, flags.shape)
        ]
    if not ran:
        given = (
            f"the shapes {' '.join(','.join(map(str, s)) for s in flags.shape)}"
            if flags.shape
            else "the op's examples"
        )
        raise Stop(
            f"{flags.op}: a kernel must take its arguments, got none for {given}. Give other shapes"
            " with --shape."
        )
    print(p)
    if flags.html is not None:
        p.html(flags.html)
    return 1 if p.problems else 0


def run_rung(op: str, rung: str, shapes: list[tuple[int, ...]] | None) -> bool:
    """Run a kernel on the first of the op's example calls that it takes, its inputs reshaped;
    whether there was one.
    """
    from .autograd import no_grad
    from .devices.table import use_kernel
    from .engine.backward import functional
    from .engine.case import Array
    from .engine.device import get_device, registry
    from .engine.tensor import Tensor

    emu = get_device("emu")

    def fill(value: Any, to: Any, seed: int) -> Any:
        if isinstance(value, tuple) and value and isinstance(value[0], Array):
            return tuple(fill(v, to, seed + i) for i, v in enumerate(value))
        if not isinstance(value, Array):
            return value
        if to is not None:
            value = Array(*to, low=value.low, high=value.high, kind=value.kind)
        return Tensor(emu.asarray(value.make(seed, "float32")), emu)

    for case in registry[op].cases:
        inputs = [i for i, a in enumerate(case.args) if isinstance(a, Array)]
        want: dict[int, tuple[int, ...]] = dict(zip(inputs, shapes or ()))
        if shapes and len(shapes) == 1 and len({case.args[i].shape for i in inputs}) == 1:
            want = dict.fromkeys(inputs, shapes[0])
        try:
            with use_kernel(**{op: rung}), no_grad():
                getattr(functional, op)(
                    *(fill(a, want.get(i), i) for i, a in enumerate(case.args)), **case.attrs
                )
            return True
        except (
            TinygradEduError,
            TypeError,
        ) as error:  # this call does not fit the kernel or the shapes; what the kernel does wrong must be seen
            if isinstance(error, KernelError) and "the kernel takes" not in str(error):
                raise
    return False


# ---- doctor --------------------------------------------------------------------------------------


def add_doctor(commands: Any) -> None:
    p = commands.add_parser(
        "doctor",
        help="show versions, devices, BLAS, threads, and what is missing",
        description="Look at the machine. Never fails.",
    )
    p.set_defaults(command=doctor)


def doctor(flags: argparse.Namespace) -> int:
    for name, look in (
        ("tinygrad-edu", lambda: version("tinygrad_edu") or "from a checkout"),
        ("python", python),
        ("system", platform.platform),
        ("numpy", lambda: version("numpy") or "missing"),
        ("BLAS", blas),
        ("cores", cores),
        ("threads", threads),
        ("devices", devices),
    ):
        try:
            found = look()
        except Exception as error:  # whatever is broken, the report on the rest must come
            found = f"could not be found out: {type(error).__name__}: {error}"
        print(f"{name:<13} {found}")
    missing = []
    for module, package, gives in EXTRAS:
        there = importlib.util.find_spec(module) is not None
        print(
            f"{package:<13} {(version(package) or 'installed') if there else 'missing: ' + gives}"
        )
        if not there and package != "cupy-cuda13x":
            missing.append(package)
    if missing:
        print(f"\nGet what is missing: pip install {' '.join(missing)}")
    if importlib.util.find_spec("cupy") is None:
        print(f"{'' if missing else chr(10)}With an NVIDIA GPU:  pip install cupy-cuda13x")
    return 0


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def python() -> str:
    return f"{platform.python_version()} at {sys.executable}"


def blas() -> str:
    import numpy as np

    found: Any = np.show_config(mode="dicts")
    library = found["Build Dependencies"]["blas"]
    return f"{library['name']} {library.get('version', '')}".strip()


def cores() -> str:
    return f"{usable_cores()} usable of {os.cpu_count()}"


def threads() -> str:
    names = (
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        *IDLE_SPIN,
    )
    given = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    try:
        now = f"{get_num_threads()} for matrix products (--threads N, set_num_threads)"
    except ModuleNotFoundError:
        now = "as many as cores (threadpoolctl, which could tell, is not installed)"
    return "; ".join([now, *given])


def devices() -> str:
    from .engine.device import BACKENDS, get_device

    found = ["cpu"]
    for name in BACKENDS:
        try:
            get_device(name)
            found.append(name)
        except (TinygradEduError, ImportError, OSError) as error:
            found.append(f"{name} not available ({str(error).split('.')[0]})")
    return "; ".join(found)
