"""The cache of compiled code: one build for all processes, nothing half done."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tinygrad_edu.devices import build
from tinygrad_edu.engine.errors import KernelError


def test_a_file_is_made_once(tmp_path):
    made = []

    def make(path):
        made.append(path)
        path.write_text("code")

    first = build.built(tmp_path, "a.so", make)
    assert build.built(tmp_path, "a.so", make) == first == tmp_path / "a.so"
    assert first.read_text() == "code"
    assert len(made) == 1


def test_a_build_that_fails_leaves_nothing_behind(tmp_path):
    def make(path):
        path.write_text("half")
        raise KernelError("no")

    with pytest.raises(KernelError):
        build.built(tmp_path, "a.so", make)
    assert not list(tmp_path.iterdir())


def test_two_processes_may_build_the_same_file_at_once(tmp_path):
    code = (
        "import sys, pathlib; from tinygrad_edu.devices.build import built;"
        "folder = pathlib.Path(sys.argv[1]);\n"
        "def make(path):\n"
        "    (folder / f'ready-{sys.argv[2]}').touch()\n"
        "    while len(list(folder.glob('ready-*'))) < 2: pass\n"
        "    path.write_text('x' * 100000)\n"
        "print(len(built(folder, 'a.so', make).read_text()))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(i)], stdout=subprocess.PIPE, text=True
        )
        for i in range(2)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in both] == ["100000"] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.so", "ready-0", "ready-1"]


def test_a_digest_follows_every_part_and_their_borders():
    assert build.digest("a", "bc") == build.digest("a", "bc") != build.digest("ab", "c")


def test_a_folder_that_others_own_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    assert build.cache_folder("cpu") == tmp_path / "cpu"
    monkeypatch.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    assert build.cache_folder("cpu") != tmp_path / "cpu"


def test_a_compilers_errors_are_shown_with_advice():
    command = [sys.executable, "-c", "import sys; sys.exit('a.cpp:3: error: no such name')"]
    with pytest.raises(KernelError, match=r"(?s)a.cpp: must compile.*:3: error.*Correct these"):
        build.run(command, "a.cpp")
