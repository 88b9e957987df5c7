"""The CUDA puzzles: a start fails, a solution passes, and wrong attempts are told apart."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from support.cli import call

from tinygrad_edu.engine.errors import KernelError
from tinygrad_edu.learn.puzzles import check, marking, texts
from tinygrad_edu.learn.puzzles.catalog import PUZZLES
from tinygrad_edu.learn.puzzles.notebook import notebook

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
NAMES = [puzzle.name for puzzle in PUZZLES]
BY_NAME = dict(zip(NAMES, PUZZLES))

# edits that make a right kernel wrong: what is found, and what takes its place
EDITS = (
    (r"(?m)^.*__syncthreads\(\);\n", ""),
    (r"(?<=[\w\])]) < (?=[\w(])", " <= "),
    (r"(?<=[\w\])]) \+ (?=[\w(])", " - "),
    (r"threadIdx\.x", "threadIdx.y"),
    (r"blockIdx\.x", "0"),
    (r"(?<=[\w\])]) \* (?=[\w(])", " + "),
    (r"(?<=[\w\])]) \+= ", " = "),
    (r"atomicAdd\(&([^,]+), ([^;]+)\);", r"\1 += \2;"),
    (r"\b0(?=;| ?:|\))", "1"),
    (r"\b(?:16|32|64|128)\b(?! *\])", "8"),
    (r"> (?=[\w(])", "< "),
    (r"__shfl_\w+_sync\(0xffffffff, (\w+), \w+\)", r"\1"),
    (r"out\[", "out[1 + "),
    (r"c\[", "c[1 + "),
    (r"if \([^()]*\) ", ""),
    (r"= x\[", "= 2 * x["),
    (r"\bn\b(?=;)", "(n - 1)"),
)


def wrong_attempts(solution):
    """The solution with one edit each, at each place."""
    body = solution.index("__global__")
    head = solution.index("{", body)
    for pattern, new in EDITS:
        for match in re.finditer(pattern, solution[head:]):
            start, stop = head + match.start(), head + match.end()
            text = solution[:start] + match.expand(new) + solution[stop:]
            if text != solution:
                yield text


def is_wrong(puzzle, text):
    try:
        return not marking.mark(puzzle, text).solved
    except KernelError:  # it does not compile
        return True


def test_there_are_puzzles_from_a_map_to_flash_attention_with_texts_in_both_languages():
    assert len(PUZZLES) >= 30
    assert (NAMES[0], NAMES[-1]) == ("map", "attention")
    for puzzle in PUZZLES:
        for language in ("en", "zh"):
            title, task, hints = texts.parts(puzzle, language)
            assert title and len(task) > 40 and len(hints) == 3, puzzle.folder
        assert re.search(r"[\u4e00-\u9fff]", task)
        assert f"__global__ void {puzzle.name}(" in texts.start(puzzle)


@needs_compiler
@pytest.mark.parametrize("name", NAMES)
def test_the_start_fails_and_the_solution_passes(name):
    puzzle = BY_NAME[name]
    assert not marking.mark(puzzle, texts.start(puzzle)).solved
    marked = marking.mark(puzzle, texts.solution(puzzle))
    assert marked.solved, marked.said
    assert "solution" in marking.beside(puzzle, marked.counters)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ten_wrong_attempts_are_told_apart(name):
    puzzle = BY_NAME[name]
    attempts, caught = wrong_attempts(texts.solution(puzzle)), 0
    for text in attempts:
        caught += is_wrong(puzzle, text)
        if caught == 10:
            return
    # the first puzzles are two lines: all edits of them must be caught
    assert caught >= {"map": 3, "zip": 3, "guard": 6}.get(name, 8), caught


@needs_compiler
@pytest.mark.parametrize(
    "name, old, new, said",
    [
        ("guard", "i < n", "i <= n", r"by right: .*reads outside x"),
        ("dot", "        __syncthreads();\n", "", r"no thread of the block has written"),
        ("stride", "i += gridDim.x * blockDim.x", "i += blockDim.x", r"right, but not by right"),
        ("banks", "[33]", "[32]", r"bank conflicts"),
        ("transpose", "tile[threadIdx.x][threadIdx.y + k]", "tile[threadIdx.y + k][threadIdx.x]",
         r"is .* is right"),
        ("map", "out[i] = 2", "out[j] = 2", r"^map\.cu: must compile, got\n.*map\.cu:3:"),
        ("histogram", "atomicAdd(&out[x[i]], 1)", "++out[x[i]]", r"Use an atomic|is right"),
        ("layernorm", "+ 1e-5f", "+ 1e-1f", r"is right"),
    ],
)  # fmt: skip
def test_a_usual_mistake_is_told_in_words(name, old, new, said, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_LANGUAGE", "en")
    puzzle = BY_NAME[name]
    text = texts.solution(puzzle)
    assert old in text
    marked = marking.mark(puzzle, text.replace(old, new))
    assert not marked.solved
    assert re.search(said, marked.said), marked.said


@needs_compiler
def test_three_loads_from_global_memory_miss_the_goal_of_the_window(monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_LANGUAGE", "en")
    text = (
        "__global__ void window(float* out, const float* x, int n) {\n"
        "    int i = blockIdx.x * 64 + threadIdx.x;\n"
        "    if (i < n) out[i] = (i ? x[i - 1] : 0) + x[i] + (i + 1 < n ? x[i + 1] : 0);\n}"
    )
    marked = marking.mark(BY_NAME["window"], text)
    assert not marked.solved and "asked for 2.0 times" in marked.said


@needs_compiler
def test_one_pair_of_tiles_has_too_many_barriers_for_two_buffers(monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_LANGUAGE", "en")
    text = texts.solution(BY_NAME["tiles"]).replace("void tiles(", "void buffers(")
    marked = marking.mark(BY_NAME["buffers"], text)
    assert not marked.solved and re.search(r"meet at \d+ barriers; with the", marked.said)


@needs_compiler
def test_the_command_starts_checks_hints_and_keeps_progress(tmp_path):
    setting = {"TINYGRAD_EDU_STATE": str(tmp_path / "state"), "TINYGRAD_EDU_LANGUAGE": "en"}
    code, out, _ = call("puzzles", cwd=tmp_path, **setting)
    assert code == 0 and "0 of 36 puzzles solved." in out and out.endswith("puzzles start 1\n")
    code, out, _ = call("puzzles", "start", "1", cwd=tmp_path, **setting)
    assert code == 0 and "01_map.cu" in out
    file = tmp_path / "01_map.cu"
    assert "One thread, one element" in file.read_text()
    code, _, err = call("puzzles", "start", "map", cwd=tmp_path, **setting)
    assert code == 2 and "must not be there yet" in err
    code, out, _ = call("puzzles", "check", "01_map.cu", cwd=tmp_path, **setting)
    assert code == 1 and "was not written" in out and "hint 1" in out
    assert call("puzzles", "hint", "1", cwd=tmp_path, **setting)[1].startswith("1. ")
    assert len(call("puzzles", "hint", "1", cwd=tmp_path, **setting)[1].splitlines()) == 2
    file.write_text("int x")
    code, out, _ = call("puzzles", "check", "01_map.cu", cwd=tmp_path, **setting)
    assert code == 1 and "must hold a kernel `map`" in out
    file.write_text(call("puzzles", "solution", "1", cwd=tmp_path, **setting)[1])
    code, out, _ = call("puzzles", "check", "01_map.cu", cwd=tmp_path, **setting)
    assert code == 0 and "right" in out and "sectors a request" in out
    assert "1 of 36 puzzles solved." in call("puzzles", cwd=tmp_path, **setting)[1]
    setting["TINYGRAD_EDU_LANGUAGE"] = "zh"
    assert "一个线程，一个元素" in call("puzzles", cwd=tmp_path, **setting)[1]
    assert call("puzzles", "start", "nothing", cwd=tmp_path, **setting)[0] == 2


@needs_compiler
def test_the_notebook_holds_all_puzzles_and_its_cells_check(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_LANGUAGE", "en")
    book = notebook("en")
    assert len(book["cells"]) == 2 + 2 * len(PUZZLES)
    assert json.loads(json.dumps(notebook("zh"))) == notebook("zh")
    solved = notebook("en", texts.solution)
    printed = []
    for cell in solved["cells"][3:12:2]:
        exec(cell["source"], {"check": check, "print": printed.append})
    assert len(printed) == 5 and all(text.startswith("✓") for text in printed)
