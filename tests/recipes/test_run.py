"""A run never loses a result: what is in its folder stays, what it saves is good, what it cannot
use it says.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.cli import environment, lines, stopped

import tinygrad_edu as tg
from tinygrad_edu import nn, storage
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.train import Diverged, Recipe, Run, UsageError
from tinygrad_edu.train.lock import Lock

pytest.importorskip("safetensors")
RECIPE = Recipe("tiny", "fit a line", "made up", "no time", "0", epochs=2, lr=0.1, batch_size=4)
STEPS = 3  # of an epoch


class Killed(Exception):
    """Stands for kill -9 at a known place."""


def fit(
    out: Path,
    *,
    loss_of=lambda run, loss: loss,
    validation=lambda epoch: 1.0 / epoch,
    before_step=lambda run: None,
    held_out=1.0,
    settings: dict | None = None,
    **options,
) -> Run:
    """Train a line on twelve points into the folder `out`."""
    given = {**RECIPE.defaults(), **(settings or {})}
    if options.get("resume"):
        given = {name: (settings or {}).get(name) for name in given}
    with Run(RECIPE, given, out, **options) as run:
        tg.manual_seed(0)
        x = tg.randn(12, 2)
        order = tg.Generator().manual_seed(0)
        loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 4, True, generator=order)
        model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.2), nn.Linear(3, 1))
        optimizer = tg.optim.Adam(model.parameters(), lr=run.settings["lr"])
        run.track(model, optimizer, loader, [tg.full((3,), held_out)])
        for _ in run.epochs():
            model.train()
            for a, b in run.batches():
                before_step(run)
                loss = loss_of(run, nn.functional.mse_loss(model(a), b))
                run.watch(loss, a)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.record(loss, len(a), run.settings["lr"])
            model.eval()
            run.end_epoch(validation(run.state.epoch + 1))
        run.finish()
    return run


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same_bits(one: Path, other: Path) -> bool:
    """Whether two checkpoints hold the same weights, optimiser, generators and losses."""
    a, b = storage.load(one), storage.load(other)
    names = ("model", "optimizer", "order", "default_generator")
    return all(str(a[n]) == str(b[n]) for n in names) and (
        a["state"]["losses"].tolist() == b["state"]["losses"].tolist()
    )


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text and len(text) <= 1000 and "Traceback" not in text
    return text


# ---- what is there stays -------------------------------------------------------------------------


def test_the_same_command_again_changes_no_file_and_says_what_can_be_done(tmp_path):
    fit(tmp_path / "run")
    before = content(tmp_path / "run")
    with pytest.raises(UsageError) as caught:
        fit(tmp_path / "run")
    assert content(tmp_path / "run") == before
    text = one_line(caught.value)
    for words in ("finished run", "2 epochs", "validation loss 0.5", "epoch 2", "--resume"):
        assert words in text
    assert f"{tmp_path / 'run'}-2" in text and "--overwrite" in text


def test_files_of_a_run_without_its_last_state_are_not_deleted_either(tmp_path):
    fit(tmp_path / "run")
    (tmp_path / "run" / "last.safetensors").unlink()
    before = content(tmp_path / "run")
    with pytest.raises(UsageError, match="best.safetensors"):
        fit(tmp_path / "run")
    assert content(tmp_path / "run") == before


def test_overwrite_keeps_the_best_weights_until_a_run_does_better(tmp_path):
    run = tmp_path / "run"
    fit(run)
    best = (run / "best.safetensors").read_bytes()

    def killed(run):
        raise Killed

    with pytest.raises(Killed):
        fit(run, overwrite=True, before_step=killed)
    assert (run / "previous-best-1.safetensors").read_bytes() == best
    fit(run, overwrite=True, validation=lambda epoch: 2.0 / epoch)  # worse
    assert (run / "previous-best-1.safetensors").read_bytes() == best
    fit(run, overwrite=True, validation=lambda epoch: 0.1 / epoch)
    assert not list(run.glob("previous-best-*"))
    assert storage.load(run / "best.safetensors")["validation_loss"] == 0.05


def test_best_weights_measured_on_other_data_are_never_called_beaten(tmp_path):
    fit(tmp_path / "run")
    fit(tmp_path / "run", overwrite=True, held_out=2.0, validation=lambda epoch: 0.1)
    assert (tmp_path / "run" / "previous-best-1.safetensors").exists()


def test_a_second_run_in_the_same_folder_is_refused_and_the_first_goes_on(tmp_path):
    tried = []

    def second(run):
        if not tried:
            for options in ({}, {"resume": True}, {"overwrite": True}):
                with pytest.raises(UsageError, match=f"in use by process {os.getpid()}"):
                    fit(tmp_path / "run", **options)
                tried.append(options)

    fit(tmp_path / "run", before_step=second)
    assert len(tried) == 3
    assert not (tmp_path / "run" / "run.lock").exists()
    fit(tmp_path / "run", resume=True)


def test_the_lock_ends_with_its_process_even_if_a_child_of_it_lives_on(tmp_path):
    code = """
import os, sys, time
from pathlib import Path
from tinygrad_edu.train.lock import Lock
lock = Lock(Path("run.lock"))
child = os.fork()
if child == 0:
    time.sleep(60)
print(child, flush=True)
time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE
    )
    child = int(process.stdout.readline())
    try:
        with pytest.raises(UsageError, match=str(process.pid)):
            Lock(tmp_path / "run.lock")
        process.kill()
        process.wait(timeout=60)
        until = time.monotonic() + 60  # the child may not have closed its copy yet
        while True:
            try:
                Lock(tmp_path / "run.lock").release()
                break
            except UsageError:
                assert time.monotonic() < until
                time.sleep(0.01)
        os.kill(child, 0)  # it lives
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_refused_run_leaves_no_new_folder(tmp_path):
    for options in ({"resume": True}, {"device": "abacus"}):
        with pytest.raises(tg.TinygradEduError):
            fit(tmp_path / "a" / "b", **options)
    assert not list(tmp_path.iterdir())


def test_a_run_of_one_epoch_says_so_and_resuming_it_says_that_it_is_finished(tmp_path, capsys):
    one = {"settings": {"epochs": 1}}
    fit(tmp_path / "run", **one)
    with pytest.raises(UsageError, match="same settings: 1 epoch,"):
        fit(tmp_path / "run", **one)
    run = fit(tmp_path / "run", resume=True)
    assert "after 1 epoch in" in run.summary()
    said = capsys.readouterr().out
    assert "is finished: 1 epoch." in said and "Resuming" not in said


# ---- training longer -----------------------------------------------------------------------------


def test_resume_with_more_epochs_trains_longer_and_with_fewer_is_refused(tmp_path, capsys):
    fit(tmp_path / "run")
    run = fit(tmp_path / "run", resume=True, settings={"epochs": 4})
    assert run.state.epoch == 4
    assert "4 epochs instead of 2" in capsys.readouterr().out
    epochs = [e["epoch"] for e in lines(tmp_path / "run") if e["event"] == "epoch"]
    assert epochs == [1, 2, 3, 4]
    with pytest.raises(UsageError, match="at least the 4 epochs"):
        fit(tmp_path / "run", resume=True, settings={"epochs": 3})
    assert fit(tmp_path / "run", resume=True).state.epoch == 4  # it is a run of 4 epochs now


def test_a_run_that_ran_out_of_patience_can_be_trained_longer(tmp_path):
    flat = dict(validation=lambda epoch: 1.0)
    run = fit(tmp_path / "run", settings={"epochs": 9, "patience": 2}, **flat)
    assert run.state.stopped and run.state.epoch == 3
    run = fit(tmp_path / "run", resume=True, settings={"epochs": 10}, validation=lambda n: 1 / n)
    assert run.state.epoch == 10


# ---- good states ---------------------------------------------------------------------------------


def test_the_last_states_stay_and_each_is_enough_to_continue_with_the_same_bits(tmp_path):
    run = tmp_path / "run"
    fit(run, save_every=0, settings={"epochs": 3}, keep=4)
    states = sorted((int(p.stem[5:]), p) for p in run.glob("step-*.safetensors"))
    assert [step for step, _ in states] == [6, 7, 8, 9]
    for _, path in states:
        other = tmp_path / path.stem
        other.mkdir()
        shutil.copy(path, other / "last.safetensors")
        shutil.copy(run / "metrics.jsonl", other)
        shutil.copy(run / "best.safetensors", other)
        fit(other, resume=True)
        assert same_bits(run / "last.safetensors", other / "last.safetensors")


def test_a_state_whose_loss_is_not_finite_is_not_called_good(tmp_path):
    """The step before made the weights that give nan: its state was saved, and is not good."""
    run = tmp_path / "run"

    def explode(run, loss):
        return loss * float("nan") if run.step == 4 else loss

    with pytest.raises(Diverged) as caught:
        fit(run, save_every=0, loss_of=explode)
    assert "The last good state is in" in str(caught.value)
    assert str(run / "step-3.safetensors") in str(caught.value)
    assert storage.load(run / "last.safetensors")["state"]["batch"] == 1  # step 4, not good
    assert not (run / "step-4.safetensors").exists()


def test_without_any_good_state_the_error_says_so(tmp_path):
    with pytest.raises(Diverged, match="No good state was saved"):
        fit(tmp_path / "run", loss_of=lambda run, loss: loss * float("inf"))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_validation_that_is_not_finite_is_never_the_best_and_ends_the_run(tmp_path, bad):
    run = tmp_path / "run"
    with pytest.raises(Diverged) as caught:
        fit(run, validation=lambda epoch: bad if epoch == 2 else 1.0, save_every=0)
    assert caught.value.exit_code == 1
    assert f"validation loss must stay finite, got {bad} after epoch 2" in str(caught.value)
    assert "it began in" in str(caught.value) and "step-5.safetensors" in str(caught.value)
    best = storage.load(run / "best.safetensors")
    assert (best["epoch"], best["validation_loss"]) == (1, 1.0)
    epochs = [e for e in strict_lines(run) if e["event"] == "epoch"]
    assert [e["validation_loss"] for e in epochs] == [1.0, None]


def test_a_nan_in_the_first_epoch_is_no_best_either(tmp_path):
    with pytest.raises(Diverged):
        fit(tmp_path / "run", validation=lambda epoch: math.nan)
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_the_header_of_a_checkpoint_does_not_grow_with_the_steps(tmp_path):
    def header(name: str, epochs: int) -> int:
        fit(tmp_path / name, settings={"epochs": 2})
        path = tmp_path / name / "last.safetensors"
        saved = storage.load(path)
        saved["state"]["losses"] = np.zeros(epochs)
        storage.save(saved, path)
        return int.from_bytes(path.read_bytes()[:8], "little")

    assert header("long", 100_000) - header("short", 10) < 1000


# ---- metrics.jsonl -------------------------------------------------------------------------------


def strict_lines(run: Path) -> list[dict]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    text = (run / "metrics.jsonl").read_text()
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


@pytest.mark.parametrize("save_every", [0, 1000])
def test_no_epoch_stands_twice_after_a_kill_between_its_line_and_its_save(
    tmp_path, monkeypatch, save_every
):
    fit(tmp_path / "whole")
    save = Run.save

    def killed(self):
        if self.state.epoch == 1 and not self.state.batch:
            raise Killed
        save(self)

    monkeypatch.setattr(Run, "save", killed)
    with pytest.raises(Killed):
        fit(tmp_path / "run", save_every=save_every)
    assert [e["epoch"] for e in lines(tmp_path / "run") if e["event"] == "epoch"] == [1]
    monkeypatch.undo()
    fit(tmp_path / "run", resume=True)
    assert [e["epoch"] for e in lines(tmp_path / "run") if e["event"] == "epoch"] == [1, 2]
    assert same_bits(tmp_path / "whole/last.safetensors", tmp_path / "run/last.safetensors")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_at_a_metrics_line_is_one_clear_error(tmp_path):
    def fill(run):
        if run.step == 2:
            run.metrics.file = open("/dev/full", "ab", buffering=0)

    with pytest.raises(UsageError) as caught:
        fit(tmp_path / "run", before_step=fill)
    text = one_line(caught.value)
    assert "metrics.jsonl" in text and "No space left" in text and "--resume" in text
    fit(tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    "wrong", ["folder", "binary", "other JSON", "deep JSON", "text as step", "list"]
)
def test_wrong_metrics_are_one_clear_error_or_are_left_out(tmp_path, wrong):
    fit(tmp_path / "run")
    path = tmp_path / "run" / "metrics.jsonl"
    if wrong == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {
                "binary": bytes(range(256)) * 10,
                "other JSON": b'{"name": "someone else\'s"}\n',
                "deep JSON": b"[" * 100_000 + b"\n",
                "text as step": b'{"event": "epoch", "step": "many"}\n',
                "list": b"[1, 2]\n",
            }[wrong]
        )
    with pytest.raises(UsageError) as caught:
        fit(tmp_path / "run", resume=True)
    assert "metrics.jsonl" in one_line(caught.value)


# ---- foreign and changed runs --------------------------------------------------------------------


def changed(**more):
    return lambda saved: saved.update(more)


def inside(name, **more):
    return lambda saved: saved[name].update(more)


def without(*names):
    def change(saved):
        for name in names[:-1]:
            saved = saved[name]
        del saved[names[-1]]

    return change


WRONG = {
    **{f"without {n}": without(n) for n in "format recipe settings model optimizer order".split()},
    **{f"without {n}": without(n) for n in "state fingerprint device made_with".split()},
    "without generator": without("default_generator"),
    "without history": without("state", "history"),
    "without losses": without("state", "losses"),
    "without seed": without("settings", "seed"),
    "without epochs": without("settings", "epochs"),
    "of format 1": changed(format=1),
    "of a later format": changed(format=99),
    "recipe a number": changed(recipe=5),
    "another recipe": changed(recipe="other"),
    "settings a list": changed(settings=[1]),
    "state a text": changed(state="done"),
    "model a list": changed(model=[1, 2]),
    "model of other names": changed(model={"w": np.zeros(3, np.float32)}),
    "model of another shape": inside("model", **{"0.weight": np.zeros((9, 9), np.float32)}),
    "optimizer empty": changed(optimizer={}),
    "optimizer of other groups": inside("optimizer", param_groups=[]),
    "optimizer's state a text": inside("optimizer", state="x"),
    "order a text": changed(order="shuffled"),
    "order too short": changed(order=np.zeros(5, np.uint8)),
    "device unknown": changed(device="abacus"),
    "epoch negative": inside("state", epoch=-1),
    "epoch a text": inside("state", epoch="2"),
    "epoch without history": inside("state", epoch=7),
    "batch too far": inside("state", batch=10**6),
    "history of texts": inside("state", history=["a", "b"]),
    "history without loss": inside("state", history=[{"validation_loss": 1.0}] * 2),
    "losses a text": inside("state", losses="low"),
    "best a number": inside("state", best=3),
    "epochs a text": inside("settings", epochs="2"),
    "lr a text": inside("settings", lr="fast"),
    "seed a text": inside("settings", seed="zero"),
    "batch size 0": inside("settings", batch_size=0),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    fit(folder)
    return folder


@pytest.mark.parametrize("kind", list(WRONG))
def test_a_wrong_last_state_is_one_clear_error(finished, tmp_path, kind):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    saved = storage.load(run / "last.safetensors")
    WRONG[kind](saved)
    storage.save(saved, run / "last.safetensors")
    before = content(run)
    with pytest.raises(tg.TinygradEduError) as caught:
        fit(run, resume=True)
    one_line(caught.value)
    assert content(run) == before


@pytest.mark.parametrize("kind", ["empty", "text", "zip", "half", "a tensor", "list", "folder"])
def test_a_file_that_is_no_state_is_one_clear_error_that_names_a_good_one(finished, tmp_path, kind):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    path = run / "last.safetensors"
    whole = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "a tensor":
        storage.save(tg.ones(3), path)
    elif kind == "list":
        storage.save([1], path)
    else:
        path.write_bytes(
            {"empty": b"", "text": b"hello", "zip": b"PK\3\4", "half": whole[: len(whole) // 2]}[
                kind
            ]
        )
    for options in ({}, {"resume": True}):
        with pytest.raises(UsageError) as caught:
            fit(run, **options)
        assert "copy the last good state step-6.safetensors" in one_line(caught.value)


def test_other_held_out_data_is_noticed(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(UsageError, match="got other held-out data"):
        fit(tmp_path / "run", resume=True, held_out=2.0)


def test_a_resume_with_other_versions_threads_or_device_says_so(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / "last.safetensors"
    saved = storage.load(path)
    assert set(saved["made_with"]) == {
        "tinygrad_edu", "numpy", "python", "machine", "threads", "device"
    }  # fmt: skip
    fit(tmp_path / "run", resume=True)
    assert "may differ" not in capsys.readouterr().out
    saved["made_with"] |= {"numpy": "2.0.0", "threads": "64"}
    storage.save(saved, path)
    fit(tmp_path / "run", resume=True)
    out = capsys.readouterr().out
    assert f"numpy 2.0.0 -> {np.__version__}" in out and "threads 64 -> " in out
    assert "may differ" in out and "python" not in out.split("may differ")[0].split("with")[-1]


# ---- signals and pipes ---------------------------------------------------------------------------

LONG = ("names", "--model", "bigram", "--limit", 4000, "--epochs", 3, "--sample", 0)


def test_a_reader_that_goes_away_does_not_end_the_training(tmp_path):
    words = " ".join(map(str, LONG)).replace("4000", "400")
    done = subprocess.run(
        f"{sys.executable} -m tinygrad_edu train {words} --out run | head -1",
        shell=True,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout.startswith("Training on")
    assert lines(tmp_path / "run")[-1]["event"] == "end"
    assert "The training goes on" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
def test_a_closed_terminal_saves_as_sigterm_does(tmp_path):
    words = ("train", *LONG, "--out", "run", "--save-every", 1000)
    code, err = stopped(signal.SIGHUP, 10, *words, cwd=tmp_path)
    assert code == 130 and "Everything is saved" in err
    state = storage.load(tmp_path / "run" / "last.safetensors")["state"]
    assert state["batch"] >= 10 or state["epoch"]


def test_a_signal_that_nohup_ignores_stays_ignored(tmp_path, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    seen = []
    try:
        fit(
            tmp_path / "run",
            before_step=lambda run: seen.append(
                (signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM))
            ),
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    assert all(hup is signal.SIG_IGN and callable(term) for hup, term in seen)


def test_a_run_can_be_trained_in_another_thread(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fit, tmp_path / "run").result(60).state.epoch == 2
