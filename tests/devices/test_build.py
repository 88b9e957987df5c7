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
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.so", "a.so.sha256", "ready-0", "ready-1"]


def test_a_digest_follows_every_part_and_their_borders():
    assert build.digest("a", "bc") == build.digest("a", "bc") != build.digest("ab", "c")


def test_a_folder_that_others_own_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    assert build.cache_folder("cpu") == tmp_path / "cpu"
    monkeypatch.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    build.warn_open.cache_clear()
    with pytest.warns(UserWarning, match="must be yours"):
        assert build.cache_folder("cpu") != tmp_path / "cpu"


def test_folders_that_others_may_write_to_are_not_used(tmp_path, monkeypatch):
    for which in (tmp_path / "root", tmp_path / "root" / "cpu"):
        monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path / "root"))
        assert build.cache_folder("cpu") == tmp_path / "root" / "cpu"
        for mode in (0o777, 0o775, 0o1777):
            which.chmod(mode)
            build.warn_open.cache_clear()
            with pytest.warns(UserWarning, match="closed to others"):
                used = build.cache_folder("cpu")
            assert tmp_path not in used.parents and not used.stat().st_mode & 0o022
        which.chmod(0o700)


def test_a_new_cache_is_closed_to_others_whatever_the_umask_is(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path / "root"))
    before = os.umask(0)
    try:
        folder = build.cache_folder("cpu")
        made = build.built(folder, "a.so", lambda path: path.write_text("code"))
    finally:
        os.umask(before)
    for path in (folder, folder.parent, made, made.with_name("a.so.sha256")):
        assert not path.stat().st_mode & 0o022


def counted(text="code"):
    calls = []

    def make(path):
        calls.append(path)
        path.write_text(text)

    return make, calls


@pytest.mark.parametrize(
    "harm",
    [
        lambda so, sums: so.write_text("cod"),
        lambda so, sums: so.write_text(""),
        lambda so, sums: so.write_text("evil"),
        lambda so, sums: so.unlink(),
        lambda so, sums: sums.unlink(),
        lambda so, sums: sums.write_bytes(b"\xff" * 64),
        lambda so, sums: so.chmod(0o666),
        lambda so, sums: sums.chmod(0o620),
    ],
    ids=["cut", "empty", "changed", "gone", "no sum", "wrong sum", "open to all", "open to group"],
)
def test_a_damaged_or_open_build_is_made_again(tmp_path, harm):
    make, calls = counted()
    so = build.built(tmp_path, "a.so", make)
    harm(so, tmp_path / "a.so.sha256")
    assert build.built(tmp_path, "a.so", make).read_text() == "code" and len(calls) == 2
    build.built(tmp_path, "a.so", make)
    assert len(calls) == 2 and so.stat().st_mode & 0o022 == 0


def test_a_build_of_another_user_is_not_run(tmp_path, monkeypatch):
    make, calls = counted()
    build.built(tmp_path, "a.so", make)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    build.built(tmp_path, "a.so", make)
    assert len(calls) == 2


def test_a_build_and_its_folder_are_forced_to_the_disk_in_order(tmp_path, monkeypatch):
    log, replace = [], os.replace
    monkeypatch.setattr(build, "sync", lambda path: log.append(path.name))
    monkeypatch.setattr(os, "replace", lambda a, b: (log.append("rename"), replace(a, b)))
    build.built(tmp_path, "a.so", counted()[0])
    assert log == ["a.so", "a.so.sha256", "rename", "rename", tmp_path.name]


def test_what_killed_builds_left_is_removed_and_living_ones_stay(tmp_path):
    code = (
        "import sys, pathlib, time; from tinygrad_edu.devices.build import built\n"
        "def make(path): print('at work', flush=True); time.sleep(600)\n"
        "built(pathlib.Path(sys.argv[1]), sys.argv[2], make)"
    )
    dead, living = (
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), name], stdout=subprocess.PIPE, text=True
        )
        for name in ("b.so", "c.so")
    )
    assert (dead.stdout.readline(), living.stdout.readline()) == ("at work\n", "at work\n")
    dead.kill()
    dead.wait()
    folders = list(tmp_path.glob(".building-*"))
    for folder in folders:
        os.utime(folder, (0, 0))
    build.built(tmp_path, "a.so", counted()[0])
    left = list(tmp_path.glob(".building-*"))
    living.kill()
    living.wait()
    assert len(folders) == 2 and len(left) == 1 and left[0] in folders


def test_the_folder_of_one_process_is_removed_at_its_end(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    code = "from tinygrad_edu.devices.build import cache_folder; print(cache_folder('cpu'))"
    env = {**os.environ, "TINYGRAD_EDU_CACHE": str(tmp_path / "open")}
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=env, capture_output=True, text=True
    ).stdout.strip()
    assert "tinygrad_edu-cpu-" in out and not os.path.exists(out)


def test_a_compiler_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(build, "LONGEST_BUILD", 0.2)
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(KernelError, match="a.cpp: must compile in 0.2 seconds"):
        build.run(command, "a.cpp")


def test_a_compilers_errors_are_shown_with_advice():
    command = [sys.executable, "-c", "import sys; sys.exit('a.cpp:3: error: no such name')"]
    with pytest.raises(KernelError, match=r"(?s)a.cpp: must compile.*:3: error.*Correct these"):
        build.run(command, "a.cpp")
