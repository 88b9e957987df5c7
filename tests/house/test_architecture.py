"""The house rules, checked: sizes, layers, quick import, one declaration an op, READMEs that tell
the truth.
"""

from __future__ import annotations

import ast
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import tinygrad_edu
from tinygrad_edu.engine.composite import Composite
from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.op import Op

ROOT = Path(tinygrad_edu.__file__).parents[1]
PACKAGE = ROOT / "tinygrad_edu"
OPS = [op for op in registry.values() if isinstance(op, (Op, Composite))]
HEAVY = (
    "rich",
    "matplotlib",
    "PIL",
    "safetensors",
    "torch",
    "numba",
    "cupy",
    "scipy",
    "argparse",
    "multiprocessing.pool",
)
# helpers of formulas: their tests are the formulas'
INTERNAL = {op.name for op in OPS if not op.is_method and not op.cases}


def python(code: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def characters(path: Path) -> int:
    return len(path.read_text(encoding="utf-8"))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring's."""
    first = function.body[0]
    said = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) else 0
    return function.end_lineno - function.lineno + 1 - said


# ---- sizes and layers ----


CORE = "device graph tensor backward op call views dtype errors".split()


def test_core_can_be_read_in_an_evening():
    sizes = {name: characters(PACKAGE / "engine" / f"{name}.py") for name in CORE}
    assert sum(sizes.values()) <= 75_000, sizes


def test_no_function_of_the_engine_is_longer_than_40_lines():
    too_long = {
        f"{path.name}: {f.name}": length(f)
        for path in (PACKAGE / "engine").glob("*.py")
        for f in functions(path)
        if length(f) > 40
    }
    assert not too_long


def test_no_family_of_ops_is_longer_than_45_000_characters():
    sizes = {path.name: characters(path) for path in (PACKAGE / "ops").rglob("*.py")}
    assert not {name: size for name, size in sizes.items() if size > 45_000}


def test_layers_import_downward_only_and_ops_know_no_array_library():
    pytest.importorskip(
        "importlinter", reason="import-linter is not installed; pip install import-linter"
    )
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip(
            "the contracts stand in pyproject.toml, which an installed package does not have"
        )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "from importlinter.cli import lint_imports_command;"
                " lint_imports_command(['--no-cache'])"
            ),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[1-9]\d* kept, 0 broken", done.stdout), done.stdout


# ---- import ----


def test_import_loads_nothing_heavy():
    loaded = python("import sys, tinygrad_edu; print(*sys.modules)").split()
    assert "numpy" in loaded
    assert not set(HEAVY) & set(loaded)


def test_import_reads_few_modules_beside_numpys_and_its_own():
    loaded = python("""
        import sys, numpy, numpy.random
        before = set(sys.modules)
        import tinygrad_edu
        print(*(name for name in set(sys.modules) - before))
    """).split()
    others = [name for name in loaded if not name.startswith("tinygrad_edu")]
    assert len(others) <= 60, others  # each costs milliseconds


# ---- one declaration an op ----


def test_the_registry_holds_enough_ops_for_these_tests_to_mean_something():
    assert len(OPS) > 100


@pytest.mark.parametrize(
    "op", [op for op in OPS if op.name not in INTERNAL], ids=lambda op: op.name
)
def test_every_op_states_its_maths_in_its_docstring(op):
    # made of other ops: the body is the maths, the docstring says what it is for
    if isinstance(op, Composite):
        assert op.doc.strip(), f"{op.name}: needs a docstring"
    else:
        assert "Math:" in op.doc, f"{op.name}: the docstring needs a Math: line"


@pytest.mark.parametrize(
    "op", [op for op in OPS if op.name not in INTERNAL], ids=lambda op: op.name
)
def test_every_public_op_brings_cases_to_be_tested_with(op):
    assert op.cases, f"{op.name}: declare cases=[...]"


def test_adding_an_op_touches_one_file(tmp_path):
    (tmp_path / "one_file.py").write_text(
        textwrap.dedent('''
        from tinygrad_edu.engine.case import Case
        from tinygrad_edu.engine.op import Array, op

        @op(inplace=True, cases=[Case([2, 3])])
        def one_file_cube(xp, input: Array):
            """Third power.

            Math:   out = input^3;   d input = 3 g input^2
            """
            return input * input * input

        one_file_cube.vjp(input=lambda g, input: g * 3 * input * input)
        ''')
    )
    said = python(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import tinygrad_edu as t
        import one_file
        from tinygrad_edu.engine.device import functional
        x = t.tensor([1.0, 2.0], dtype=t.float64, requires_grad=True)
        y = functional.one_file_cube(x)                             # a function
        assert y.tolist() == x.one_file_cube().tolist() == [1.0, 8.0]  # a method
        assert x.detach().clone().one_file_cube_().tolist() == [1.0, 8.0]  # an in-place form
        g, = t.autograd.grad(y.sum(), x, create_graph=True)          # a gradient
        assert g.tolist() == [3.0, 12.0]
        assert t.autograd.grad(g.sum(), x)[0].tolist() == [6.0, 12.0]  # and the next order
        print("all there")
        """)
    assert said.strip() == "all there"


def test_an_op_without_the_formula_of_an_input_is_refused_at_import():
    python("""
        from tinygrad_edu.engine.op import Array, op
        @op
        def lopsided(xp, a: Array, b: Array):
            '''Sum. Math: out = a + b'''
            return a + b
        try:
            lopsided.vjp(a=lambda g: g)
        except TypeError as error:
            assert "lopsided" in str(error) and "'b'" in str(error)
        else:
            raise SystemExit("accepted")
        """)


def test_the_stub_is_current_and_shipped_with_the_marker():
    if not (ROOT / "tools").exists():
        pytest.skip("tools/ is part of a checkout only")
    done = subprocess.run(
        [sys.executable, "tools/make_stub.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (PACKAGE / "py.typed").exists()
    stub = PACKAGE / "engine" / "methods.pyi"
    compile(stub.read_text(encoding="utf-8"), stub.name, "exec")


# ---- what the READMEs promise ----


def blocks(name: str, language: str) -> list[str]:
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"{name} is part of a checkout only")
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("language", ["sh", "python"])
def test_both_readmes_give_the_same_commands_and_code(language):
    english, chinese = blocks("README.md", language), blocks("README.zh-CN.md", language)
    assert english and english == chinese


def test_each_readme_command_is_one_line_that_does_all_the_set_up():
    commands = [
        line
        for block in blocks("README.md", "sh")
        for line in block.splitlines()
        if line.startswith("python3 -m venv")
    ]
    assert len(commands) == 2
    assert "train mnist-cnn" in commands[0] and "pytest" in commands[1]
    assert all(".venv/bin/pip install" in command for command in commands)


def test_the_readme_example_has_twelve_lines_and_does_what_its_comments_say(capsys):
    code = blocks("README.md", "python")[0]
    assert len([line for line in code.splitlines() if line.strip()]) == 12
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert (
        printed == [line.split("# prints ")[1] for line in code.splitlines() if "# prints " in line]
        and printed
    )


def test_the_figures_in_the_readmes_are_the_measured_ones():
    if not (ROOT / "benchmarks").exists():
        pytest.skip("benchmarks/ is part of a checkout only")
    done = subprocess.run(
        [sys.executable, "benchmarks/readme_table.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["01_scalar.py", "02_xor_mlp.py", "07_write_a_kernel.py"])
def test_the_examples_run(name, capsys):
    path = ROOT / "examples" / name
    if not path.exists():
        pytest.skip("examples/ is part of a checkout only")
    if name == "07_write_a_kernel.py" and shutil.which("g++") is None:
        pytest.skip("emu needs g++")
    runpy.run_path(str(path), run_name="__main__")
    said = capsys.readouterr().out
    if name == "01_scalar.py":
        by_backprop, by_difference = map(float, re.findall(r"[-+]?\d+\.\d{8}", said))
        assert abs(by_backprop - by_difference) < 1e-6
    elif name == "07_write_a_kernel.py":
        naive, shared, broken, warp = said.split("==== ")[1:]
        assert (
            "32.00 sectors" in naive
            and "RACE" in broken
            and not any(
                word in naive + shared + warp for word in ("RACE", "UNINITIALISED", "OUT OF BOUNDS")
            )
        )
    else:
        answers = [round(float(line.rsplit("=")[1])) for line in said.splitlines() if "xor" in line]
        assert answers == [0, 1, 1, 0]


def test_the_quick_tests_exist_and_touch_every_folder():
    conftest = runpy.run_path(str(ROOT / "tests" / "conftest.py"))
    for name in conftest["QUICK"] | {conftest["FIRST_CASES"]}:
        file, _, function = name.partition("::")
        assert f"def {function}" in (ROOT / "tests" / file).read_text(encoding="utf-8"), name
    rooms = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")} - {"typing"}
    assert rooms == {name.split("/")[0] for name in conftest["QUICK"]}


def test_no_two_test_files_have_one_name():
    """pytest imports them by name alone: the second would be an error before the first test."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
