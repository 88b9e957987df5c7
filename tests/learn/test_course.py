"""The course: chapters in two languages, exercises that tell mistakes apart, kept progress."""

from __future__ import annotations

import ast
import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu.cli import main
from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.learn.course import check, exercise, hint, progress, solution, texts, words
from tinygrad_edu.learn.course.exercise import Exercise, Mistake, assess
from tinygrad_edu.learn.course.exercises import every, find, of_chapter
from tinygrad_edu.learn.course.marking import mark
from tinygrad_edu.learn.course.shown import shown
from tinygrad_edu.learn.course.words import Words

ROOT = Path(__file__).parents[2]
CHAPTERS = texts.chapters("en")
EXERCISES = list(every())
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def a_state_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TINYGRAD_EDU_LANGUAGE", "en")


def by_id(thing):
    return getattr(thing, "id", getattr(thing, "number", None))


# ---- the chapters --------------------------------------------------------------------------------


def test_the_chapters_are_numbered_from_one():
    numbers = [chapter.number for chapter in CHAPTERS]
    assert numbers == [f"{i + 1:02}" for i in range(12)]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=by_id)
def test_a_chapter_is_the_same_program_in_both_languages(chapter):
    chinese = texts.folder("zh") / chapter.path.name
    there = texts.split(chinese.read_text(encoding="utf-8"))
    assert [c.kind for c in there] == [c.kind for c in chapter.cells]
    for ours, theirs in zip(chapter.cells, there):
        if ours.kind == "code":
            assert theirs.text == ours.text
        else:
            assert CHINESE.search(theirs.text)
            assert headings(theirs.text) == headings(ours.text)
            assert fences(theirs.text) == fences(ours.text)


def headings(text: str) -> list[str]:
    return re.findall(r"^#+(?= )", text, re.M)


def fences(text: str) -> list[str]:
    return re.findall(r"^```.*?^```", text, re.M | re.S)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=by_id)
def test_a_chapter_checks_its_exercises_in_order(chapter):
    declared = [e.id for e in of_chapter(chapter.number)]
    assert chapter.exercises == declared
    assert 2 <= len(declared) <= 5
    assert declared == [f"{chapter.number}.{i + 1}" for i in range(len(declared))]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=by_id)
def test_a_chapter_holds_the_outputs_it_quotes(chapter):
    code = "\n".join(cell.text for cell in chapter.cells if cell.kind == "code")
    assert sum(isinstance(n, ast.Assert) for n in ast.walk(ast.parse(code))) >= 3


def test_jupytext_reads_the_same_cells():
    jupytext = pytest.importorskip("jupytext", reason="compares with jupytext")
    for chapter in CHAPTERS:
        theirs = jupytext.read(chapter.path, fmt="py:percent")
        assert [(c.cell_type, c.source) for c in theirs.cells] == [
            (c.kind, c.text) for c in chapter.cells
        ]


def test_an_opened_notebook_is_one_that_jupyter_accepts():
    nbformat = pytest.importorskip("nbformat", reason="compares with Jupyter's schema")
    for chapter in CHAPTERS:
        text = json.dumps(texts.notebook(chapter.cells))
        nbformat.validate(nbformat.reads(text, as_version=4))


# ---- the exercises -------------------------------------------------------------------------------


def skip_without_compiler(e: Exercise) -> None:
    if e.id == "10.2" and shutil.which("g++") is None:
        pytest.skip("emu needs g++")


def starting_code(e: Exercise) -> str:
    """What the chapter gives for an exercise: the definition before its `check`."""
    chapter = next(c for c in CHAPTERS if c.number == e.id[:2])
    cells = [c.text for c in chapter.cells if c.kind == "code"]
    cell = next(text for text in cells if f'check("{e.id}"' in text)
    tree = ast.parse(cell)
    given = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    return ast.unparse(next(n for n in given if n.name == e.name))


@pytest.mark.parametrize("e", EXERCISES, ids=by_id)
def test_the_starting_code_is_not_accepted(e):
    skip_without_compiler(e)
    names = dict(e.names)
    exec(starting_code(e), names)
    report = assess(e, names[e.name])
    assert not report.solved and report.text


@pytest.mark.parametrize("e", EXERCISES, ids=by_id)
def test_the_solution_is_accepted(e):
    skip_without_compiler(e)
    report = assess(e, e.solution)
    assert report.solved, report.text


@pytest.mark.parametrize("e", EXERCISES, ids=by_id)
def test_at_least_three_usual_mistakes_are_told_apart(e):
    skip_without_compiler(e)
    assert len(e.mistakes) >= 3
    for mistake in e.mistakes:
        report = assess(e, mistake.attempt)
        assert not report.solved
        assert report.text.startswith(mistake.says.en), report.text
    assert len({m.says for m in e.mistakes}) == len(e.mistakes)


@pytest.mark.parametrize("e", EXERCISES, ids=by_id)
def test_an_exercise_speaks_both_languages_and_helps_more_than_once(e):
    assert len(e.hints) >= 2
    for said in (e.title, *e.hints, *(m.says for m in e.mistakes)):
        assert said.en.strip() and not CHINESE.search(said.en)
        assert CHINESE.search(said.zh)


def test_the_engines_own_texts_are_in_both_languages():
    from tinygrad_edu.learn.course import learner, marking

    for module in (exercise, learner, marking):
        for name, said in vars(module).items():
            if isinstance(said, Words):
                places = [sorted(re.findall(r"{\w*!?\w*}", text)) for text in said]
                assert places[0] == places[1], name


# ---- how an attempt is judged ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("f(two(), h=0.1)", "f(array([0.0, 1.235]), h=0.1)"),
        ("f(two() + 1, X)", "f(array([1.0, 2.235]), tensor([1.0], requires_grad=True))"),
        ("f(BIG, BIG[:1])", "f(<array of shape (3, 4)>, array([[1.0, 1.0, 1.0, 1.0]]))"),
        ("read(f(GRAPH), 'L')", "read(f({'L': []}), 'L')"),  # functions keep their names
        ("f(np.ones(2), LONG)", "f(np.ones(2), LONG)"),  # too long to be read
        ("f(lambda two: two + 1)", "f(lambda two: two + 1)"),
    ],
)
def test_a_report_shows_values_or_shapes_in_place_of_the_exercises_own_names(case, text):
    names = {
        "f": None,
        "np": np,
        "two": lambda: np.array([0.0, 1.23456]),
        "X": tinygrad_edu.tensor([1.0], requires_grad=True),
        "BIG": np.ones((3, 4)),
        "GRAPH": {"L": []},
        "LONG": list(range(100)),
        "read": lambda *given: given,
    }
    assert shown(case, "f", names) == text


def test_no_report_names_data_that_the_learner_does_not_have():
    report = assess(find("03.1"), lambda g, shape: g)
    assert "`sum_to(<array of shape (3, 4)>, (4,))` must have the shape (4,)" in report.text
    assert "numbers" not in report.text


def double(x):
    return [2.0 * v for v in x]


TOY = Exercise(
    "99.1",
    "double",
    Words("doubling", "加倍"),
    cases=("double([1.0, 2.0])", "double([3.0])"),
    solution=double,
    mistakes=(
        Mistake(lambda x: [v + 2 for v in x], Words("This adds.", "这是加法。")),
        Mistake(lambda x: x / 2, Words("A list does not divide.", "列表不能相除。")),
    ),
    hints=(Words("one", "一"), Words("two", "二")),
    names={},
)


@pytest.mark.parametrize(
    "attempt, said",
    [
        (lambda x: None, "`double` returns None"),
        (lambda x: ..., "`double` returns None"),
        (lambda x: [v + 2 for v in x], "This adds."),
        (lambda x: x // 2, "A list does not divide."),
        (lambda x: x[5], "raises IndexError: list index out of range"),
        (lambda x: 2.0, "must have the shape (2,), got ()"),
        (lambda x: "two", "must give numbers, got str two"),
        (lambda x: [v * 3 for v in x], "must be 4 at [1], got 6 (the worst of 2 wrong entries)"),
        (lambda x: [2.0, 4.0] if len(x) == 2 else [float("nan")], "must be 6 at [0], got nan"),
        (3.0, "Write `check('99.1', double)`"),
    ],
)
def test_a_report_says_what_is_wrong(attempt, said):
    report = assess(TOY, attempt)
    assert not report.solved and said in report.text, report.text


def test_a_report_shows_the_learners_own_line(tmp_path):
    script = tmp_path / "attempt.py"
    script.write_text("def double(x):\n    return x.missing\n")
    report = assess(TOY, runpy.run_path(str(script))["double"])
    assert "raises AttributeError" in report.text
    assert "your line 2: `return x.missing`" in report.text


def test_a_report_is_chinese_when_the_reader_is(monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_LANGUAGE", "zh")
    assert "形状应为 (2,)" in assess(TOY, lambda x: 2.0).text


def test_several_results_are_counted_and_compared_one_by_one():
    two = Exercise(
        "99.2",
        "two",
        TOY.title,
        cases=("two([1.0], [2.0])",),
        solution=lambda a, b: ([a], b),
        mistakes=(),
        hints=TOY.hints,
        names={},
    )
    assert assess(two, lambda a, b: ([a], b)).solved
    assert "must give 2 results, got 1" in assess(two, lambda a, b: 1.0).text
    assert "`two([1.0], [2.0])[1]` must be 2" in assess(two, lambda a, b: ([a], [3.0])).text


# ---- progress, hints, language -------------------------------------------------------------------


def test_what_is_solved_is_kept_and_a_wrong_attempt_does_not_undo_it(capsys):
    e = find("01.1")
    check("01.1", e.mistakes[0].attempt)
    assert progress.read()["solved"] == {}
    check("01.1", e.solution)
    check("01.1", e.mistakes[0].attempt)
    assert list(progress.read()["solved"]) == ["01.1"]
    out = capsys.readouterr().out
    assert out.count("✓ 01.1") == 1 and out.count("✗ 01.1") == 2


@pytest.mark.parametrize("content", ["", "[]", "{", '{"solved": 3, "hints": [], "language": null}'])
def test_a_damaged_progress_file_is_an_empty_one(content, capsys):
    file = progress.progress_file()
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert progress.read() == progress.EMPTY
    check("01.1", find("01.1").solution)
    assert list(progress.read()["solved"]) == ["01.1"]


def test_a_check_works_where_nothing_can_be_kept(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TINYGRAD_EDU_STATE", str(tmp_path / "file" / "state"))
    check("01.1", find("01.1").solution)
    hint("01.1")
    out = capsys.readouterr().out
    assert "✓ 01.1" in out and "could not be kept" in out
    assert all(str(said) in out for said in find("01.1").hints)


def test_hints_come_one_more_each_time(capsys):
    hints = find("01.1").hints
    for count in (1, 2, 3, 3):
        hint("01.1")
        out = capsys.readouterr().out
        assert [h.en in out for h in hints] == [i < count for i in range(3)]
        assert ("last hint" in out) == (count == 3)


def test_a_solution_is_printed_as_it_stands(capsys):
    solution("01.1")
    names: dict = {}
    exec(capsys.readouterr().out, names)
    assert assess(find("01.1"), names["slope"]).solved


@pytest.mark.parametrize("wrong", ["1.1", "01.9", "", "ab", "99.1"])
def test_an_exercise_that_is_not_there_is_refused_with_the_nearest(wrong):
    with pytest.raises(TinygradEduError, match=r"must be a chapter and a number, such as \d\d\.\d"):
        find(wrong)


@pytest.mark.parametrize(
    "variable, chosen, system, spoken",
    [
        ("zh", "en", "en_GB.UTF-8", "zh"),
        ("", "zh", "en_GB.UTF-8", "zh"),
        ("", "", "zh_CN.UTF-8", "zh"),
        ("", "", "C", "en"),
        ("fr", "", "fr_FR", "en"),
    ],
)
def test_the_language_is_the_asked_the_chosen_or_the_systems(
    variable, chosen, system, spoken, monkeypatch
):
    monkeypatch.setenv("TINYGRAD_EDU_LANGUAGE", variable)
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", system)
    if chosen:
        progress.choose_language(chosen)
    assert words.language() == spoken


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_lists_opens_and_checks(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["course"]) == 0
    out = capsys.readouterr().out
    assert f"0 of {len(EXERCISES)} exercises solved" in out and "course open 01" in out
    assert main(["course", "open", "1"]) == 0
    opened = tmp_path / CHAPTERS[0].path.with_suffix(".ipynb").name
    assert str(opened.name) in capsys.readouterr().out
    assert main(["course", "open", "01"]) == 2  # the learner's work is not replaced
    assert "--overwrite" in capsys.readouterr().err
    assert main(["course", "open", "01", "--overwrite", "--language", "zh"]) == 0
    assert CHINESE.search(opened.read_text(encoding="utf-8"))
    assert progress.chosen_language() == "zh"
    assert main(["course", "open", "77"]) == 2
    assert main(["course", "hint", "01.1"]) == 0
    assert find("01.1").hints[0].en in capsys.readouterr().out
    assert main(["course", "hint", "1.1"]) == 0  # as `open 1` is `open 01`
    out = capsys.readouterr().out
    assert find("01.1").hints[1].en in out
    assert "`tinygrad-edu course hint 01.1` again" in out and 'hint("' not in out
    assert main(["course", "hint", "1.1"]) == 0
    out = capsys.readouterr().out
    assert "`tinygrad-edu course solution 01.1` shows one way" in out and 'solution("' not in out
    assert main(["course", "check", str(opened)]) == 1
    assert "tinygrad-edu course hint 01.1" in capsys.readouterr().out
    assert main(["course", "solution", "01.1"]) == 0
    assert "def slope" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["README.md", "notes", "folder"])
def test_the_command_refuses_what_is_no_notebook_and_no_script(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("It doesn't run.")
    (tmp_path / "notes").write_text("1 + 1")
    (tmp_path / "folder").mkdir()
    assert main(["course", "check", name]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "FILE must be a notebook or a script of the course" in err and name in err


FILE = """
# %% [markdown]
# # Mine

# %%
%matplotlib inline
from tinygrad_edu.learn.course import check
print("hidden")

# %%
def slope(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)

check("01.1", slope)

# %%
def derivative(x):
    return x
check("01.2", derivative)
"""


@pytest.mark.parametrize("suffix", [".py", ".ipynb"])
def test_a_learners_file_is_checked(suffix, tmp_path, capsys):
    file = tmp_path / f"01_mine{suffix}"
    text = FILE if suffix == ".py" else json.dumps(texts.notebook(texts.split(FILE)))
    file.write_text(text)
    assert main(["course", "check", str(file)]) == 1
    out = capsys.readouterr().out
    assert "✓ 01.1" in out and "✗ 01.2" in out and "hidden" not in out
    assert list(progress.read()["solved"]) == ["01.1"]


def test_a_file_that_stops_is_told_with_its_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(FILE.replace("    return x\n", "    return x\nderivative(1, 2)\n"))
    reports, stopped = mark(file)
    assert [r.solved for r in reports] == [True]
    assert "cell 3, line 3, `derivative(1, 2)` raises TypeError" in stopped
    file.write_text(FILE.replace("return x", "return (x"))
    assert "SyntaxError" in mark(file)[1]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[]", b"{}"])
def test_a_file_that_is_no_notebook_is_refused(content, tmp_path, capsys):
    file = tmp_path / "mine.ipynb"
    if content is not None:
        file.write_bytes(content)
    assert main(["course", "check", str(file)]) == 2
    assert "FILE must be a notebook or a script" in capsys.readouterr().err


# ---- running the chapters ------------------------------------------------------------------------


def test_the_first_chapter_runs_as_a_reader_runs_it(capsys):
    tool = ROOT / "tools" / "run_tutorial.py"
    if not tool.exists():
        pytest.skip("tools/ is part of a checkout only")
    import sys

    argv, sys.argv = sys.argv, [str(tool), "01"]
    try:
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(tool), run_name="__main__")
    finally:
        sys.argv = argv
    assert end.value.code == 0, capsys.readouterr().out
