"""The command line, run as a user runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.cli import BARE, ROOT, assert_same_run, call, environment, lines, stopped, weights

from tinygrad_edu import storage as io
from tinygrad_edu.cli import main
from tinygrad_edu.models import DigitNet
from tinygrad_edu.recipes.mnist_cnn import normalize
from tinygrad_edu.train import logits_of

pytest.importorskip("safetensors")

# 10 steps an epoch
QUICK = ("--limit", "200", "--batch-size", "20", "--epochs", "2", "--seed", "3")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """A small finished run and what it printed."""
    folder = tmp_path_factory.mktemp("trained")
    code, out, err = call("train", "mnist-cnn", *QUICK, "--out", "run", cwd=folder, plots=True)
    assert (code, err) == (0, "")
    return folder / "run", out


# ---- train ---------------------------------------------------------------------------------------


def test_train_shows_data_epochs_score_and_files(trained):
    run, out = trained
    assert "Training on 200 embedded digits, validating on 200, testing on 200 others." in out
    assert re.search(r"epoch +loss +accuracy +validation loss +validation acc", out) and re.search(
        r"2/2 +[\d.]+ +[\d.]+ %", out
    )
    assert re.search(r"Validation accuracy [\d.]+ % after 2 epochs", out)
    assert re.search(r"Test accuracy: [\d.]+ %", out)
    assert {"last.safetensors", "best.safetensors", "metrics.jsonl"} <= {
        path.name for path in run.iterdir()
    }


def test_train_learns_something_from_200_images(trained):
    run, _ = trained
    history = io.load(run / "last.safetensors")["state"]["history"]
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["validation_accuracy"] > 0.2


def test_metrics_hold_one_json_object_a_line(trained):
    events = [line["event"] for line in lines(trained[0])]
    assert events == ["start", "step", "epoch", "step", "epoch", "end"]
    assert lines(trained[0])[0]["seed"] == 3


def test_plots_are_png_files_of_sensible_size(trained):
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    for name in ("curves.png", "mistakes.png"):
        with image.open(trained[0] / name) as picture:
            assert picture.format == "PNG" and min(picture.size) > 200


def test_the_same_seed_repeats_the_run_and_another_does_not(trained, tmp_path):
    call("train", "mnist-cnn", *QUICK, "--out", "again", cwd=tmp_path)
    assert_same_run(trained[0], tmp_path / "again")
    call("train", "mnist-cnn", *QUICK, "--seed", "4", "--out", "other", cwd=tmp_path)
    assert (
        weights(tmp_path / "other")["fc2.weight"].tobytes()
        != weights(trained[0])["fc2.weight"].tobytes()
    )


def test_without_rich_and_matplotlib_the_job_runs_and_says_what_to_install(trained, tmp_path):
    (tmp_path / "rich.py").write_text("raise ModuleNotFoundError('no rich', name='rich')")
    code, out, err = call(
        "train",
        "mnist-cnn",
        *QUICK,
        "--out",
        "run",
        cwd=tmp_path,
        PYTHONPATH=os.pathsep.join(map(str, (tmp_path, BARE, ROOT))),
    )
    assert (
        (code, err) == (0, "")
        and "pip install matplotlib" in out
        and not (tmp_path / "run" / "curves.png").exists()
    )
    assert_same_run(trained[0], tmp_path / "run")


# 50 steps an epoch
LONG = ("--limit", "1000", "--batch-size", "20", "--epochs", "2", "--seed", "3")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert call("train", "mnist-cnn", *LONG, "--out", "run", cwd=folder)[0] == 0
    return folder / "run"


def test_ctrl_c_saves_in_the_middle_of_an_epoch_and_resume_gives_the_same_bits(
    uninterrupted, tmp_path
):
    run = tmp_path / "run"
    for resume, step, epoch in (((), 20, 0), (("--resume",), 70, 1)):
        words = ("train", "mnist-cnn", *(resume or LONG), "--out", "run")
        code, err = stopped(signal.SIGINT, step, *words, cwd=tmp_path)
        assert (
            code == 130
            and "Stopped in epoch" in err
            and "tinygrad-edu train mnist-cnn --out run --resume" in err
            and "Traceback" not in err
        )
        state = io.load(run / "last.safetensors")["state"]
        assert state["epoch"] == epoch and 0 < state["batch"] < 50
    code, out, err = call("train", "mnist-cnn", "--resume", "--out", "run", cwd=tmp_path)
    assert (code, err) == (0, "") and "Resuming run at epoch 2" in out
    assert_same_run(uninterrupted, run)


def test_kill_9_leaves_a_checkpoint_from_which_resume_gives_the_same_bits(uninterrupted, tmp_path):
    run = tmp_path / "run"
    for resume, step in (((), 30), (("--resume",), 60)):
        words = ("train", "mnist-cnn", *(resume or LONG), "--out", "run", "--save-every", "0")
        assert stopped(signal.SIGKILL, step, *words, cwd=tmp_path)[0] == -signal.SIGKILL
        with open(run / "metrics.jsonl", "a") as file:
            file.write('{"event": "step", "st')  # what a kill in the middle of a write leaves
    assert call("train", "mnist-cnn", "--resume", "--out", "run", cwd=tmp_path)[0] == 0
    assert_same_run(uninterrupted, run)
    assert not list(run.glob(".*")) and not (run / "run.lock").exists()


def test_resume_of_a_finished_run_shows_its_result_and_changes_no_weight(trained, tmp_path):
    before = weights(trained[0])
    words = ("train", "mnist-cnn", "--resume", "--out", trained[0])
    code, out, err = call(*words, cwd=tmp_path, plots=True)
    assert (code, err) == (0, "") and "Test accuracy" in out
    assert all(
        before[name].tobytes() == value.tobytes() for name, value in weights(trained[0]).items()
    )


def test_a_run_is_not_overwritten_by_one_of_other_settings_or_an_unfinished_one(trained, tmp_path):
    before = (trained[0] / "last.safetensors").read_bytes()
    code, _, err = call(
        "train", "mnist-cnn", *QUICK, "--lr", "0.1", "--out", trained[0], cwd=tmp_path
    )
    assert code == 2 and "lr 0.005 -> 0.1" in err and "--overwrite" in err
    code, _, err = call(
        "train", "mnist-cnn", "--resume", "--seed", "5", "--out", trained[0], cwd=tmp_path
    )
    assert code == 2 and "seed 3 -> 5" in err
    assert (trained[0] / "last.safetensors").read_bytes() == before
    stopped(signal.SIGINT, 10, "train", "mnist-cnn", *LONG, "--out", "run", cwd=tmp_path)
    code, _, err = call("train", "mnist-cnn", *LONG, "--out", "run", cwd=tmp_path)
    assert code == 2 and "unfinished" in err and "--resume" in err
    assert call("train", "mnist-cnn", *QUICK, "--out", "run", "--overwrite", cwd=tmp_path)[0] == 0
    assert_same_run(trained[0], tmp_path / "run")


def test_a_damaged_checkpoint_stops_resume_with_one_line(trained, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.safetensors").write_bytes(
        (trained[0] / "last.safetensors").read_bytes()[:-100]
    )
    code, out, err = call("train", "mnist-cnn", "--resume", "--out", "run", cwd=tmp_path)
    assert (code, out) == (2, "") and "cut off" in err and err.count("\n") == 1


def test_a_loss_that_is_not_finite_stops_with_the_place_where_it_began(tmp_path):
    code, out, err = call(
        "train", "mnist-cnn", *QUICK, "--lr", "1e30", "--out", "run", cwd=tmp_path
    )
    assert code == 1 and "Traceback" not in err and err.count("\n") == 1
    assert (
        re.search(
            r"got (nan|inf) in epoch 1, batch \d+ of 10; it began in (layer|the weights: |the"
            r" loss)",
            err,
        )
        and "--lr (it was 1e+30)" in err
    )
    assert all(np.isfinite(value).all() for value in weights(tmp_path / "run").values())


def test_a_full_disk_while_training_is_one_line_and_keeps_the_checkpoint(tmp_path):
    code = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
# the first checkpoint fits, one with Adam's averages does not
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
from tinygrad_edu.cli import main
sys.exit(main(["train", "mnist-cnn", *{QUICK!r}, "--out", "run"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (
        done.returncode == 2 and "must be writable" in done.stderr and done.stderr.count("\n") == 1
    )
    assert io.load(tmp_path / "run" / "last.safetensors")["state"]["epoch"] == 0


# ---- predict -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> tuple[Path, list[tuple[np.ndarray, int]]]:
    """A model trained well enough to be asked, and digits it has not seen."""
    from tinygrad_edu.train.sources.pictures import find_digits

    folder = tmp_path_factory.mktemp("good")
    assert (
        call(
            "train",
            "mnist-cnn",
            "--limit",
            "2000",
            "--batch-size",
            "50",
            "--epochs",
            "4",
            "--out",
            "run",
            cwd=folder,
            plots=True,
        )[0]
        == 0
    )
    os.environ.pop("TINYGRAD_EDU_DATA", None)
    data = find_digits("embedded")
    labels, said = data.test_labels.numpy(), answers_of(folder / "run", data.test_images)
    # digits that it knows: what is tested is how a picture is read, not how well it was trained
    known = [np.flatnonzero((labels == digit) & (said == digit)) for digit in range(10)]
    picks = [int(places[k]) for places in known for k in range(2)]
    return folder / "run" / "best.safetensors", [
        (data.test_images.numpy()[i], int(labels[i])) for i in picks
    ]


def answers_of(run: Path, images) -> np.ndarray:
    """What the best weights of a run say to pictures of bytes."""
    model = DigitNet()
    model.load_state_dict(io.load(run / "best.safetensors")["model"])
    return logits_of(model, normalize(images)).argmax(1).numpy()


def answers(out: str) -> list[str]:
    return [line.split()[1] for line in out.splitlines()]


def test_predict_reads_real_digits_in_any_size_colour_and_polarity(good, tmp_path):
    image = pytest.importorskip("PIL.Image")
    checkpoint, digits = good
    made: dict[str, list[str]] = {}
    for n, (pixels, _) in enumerate(digits):
        plain = image.fromarray(pixels)
        large = plain.resize((140, 140), image.Resampling.BICUBIC)
        page = image.new("L", (300, 200), 240)  # dark ink somewhere on a large sheet
        page.paste(image.fromarray((240 - np.asarray(large) * 0.8).astype(np.uint8)), (120, 40))
        clear = image.new("RGBA", large.size, (10, 20, 120, 0))
        clear.putalpha(large)  # blue ink on nothing
        deep = image.fromarray(np.asarray(large).astype(np.uint16) * 257)
        for kind, picture in (
            ("plain", plain),
            ("page", page),
            ("colour", page.convert("RGB")),
            ("clear", clear),
            ("deep", deep),
            ("one bit", large.convert("1")),
        ):
            picture.save(tmp_path / f"{kind}{n}.png")
            made.setdefault(kind, []).append(f"{kind}{n}.png")
    code, out, err = call("predict", checkpoint, *sum(made.values(), []), cwd=tmp_path)
    assert (code, err) == (0, "")
    found, truth = answers(out.replace("one bit", "one_bit")), [str(label) for _, label in digits]
    for k, kind in enumerate(made):
        right = sum(a == b for a, b in zip(found[k * 20 :][:20], truth, strict=True))
        assert right >= 17, f"{kind}: only {right} of 20 right"


def test_the_digit_that_a_run_leaves_can_be_asked_about_as_the_readme_does(good, tmp_path):
    run = good[0].parent
    code, out, err = call("predict", good[0], run / "digit.png", cwd=tmp_path)
    assert (code, err) == (0, "") and out.startswith(str(run / "digit.png")) and " %" in out


def test_predict_prints_probabilities_best_first(good, tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(good[1][0][0]).save(tmp_path / "x.png")
    code, out, _ = call("predict", good[0], "x.png", "--top", "10", cwd=tmp_path)
    shares = [float(p) for p in re.findall(r"([\d.]+) %", out)]
    assert (
        code == 0
        and len(shares) == 10
        and shares == sorted(shares, reverse=True)
        and abs(sum(shares) - 100) < 0.6
    )


def test_predict_names_each_broken_image_and_still_answers_the_others(good, tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(good[1][2][0]).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "changed.png").write_bytes(whole[:60] + b"\0\0\0\0" + whole[64:])
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").write_bytes(b"")
    image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    bad = ["cut.png", "changed.png", "text.png", "empty.png", "blank.png", "missing.png", "."]
    code, out, err = call("predict", good[0], *bad[:3], "good.png", *bad[3:], cwd=tmp_path)
    assert (
        code == 2
        and out.startswith("good.png ")
        and out.count("\n") == 1
        and "Traceback" not in err
    )
    assert len(err.splitlines()) == len(bad) and all(
        f"'{name}'" in line for name, line in zip(bad, err.splitlines(), strict=True)
    )


def test_predict_refuses_what_is_not_a_checkpoint_of_a_recipe(good, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not a checkpoint at all")
    io.save({"model": {}, "recipe": "os"}, tmp_path / "other.safetensors")
    io.save([1], tmp_path / "list.safetensors")
    state = io.load(good[0])
    del state["model"]["fc2.bias"]
    io.save(state, tmp_path / "lacking.safetensors")
    for name, words in (
        ("bad", "safetensors file"),
        ("other", "recipe must be one of"),
        ("list", "written by"),
        ("lacking", "fc2.bias"),
        ("none", "must exist"),
    ):
        code, out, err = call("predict", f"{name}.safetensors", "x.png", cwd=tmp_path)
        assert (code, out) == (2, "") and words in err and err.count("\n") == 1, err


# ---- the rest ------------------------------------------------------------------------------------


def test_doctor_tells_versions_devices_blas_and_cores(tmp_path):
    code, out, err = call("doctor", cwd=tmp_path)
    assert (code, err) == (0, "")
    for word in (
        "tinygrad-edu",
        "python",
        "numpy",
        "BLAS",
        "cores",
        "threads",
        "devices",
        "cpu",
        "safetensors",
        "cuda",
    ):
        assert word in out


def test_doctor_never_fails_and_says_how_to_get_what_is_missing(monkeypatch, capsys):
    import importlib.util
    import platform

    from tinygrad_edu.cli import main

    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    monkeypatch.setattr(platform, "platform", lambda: 1 / 0)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert (
        "pip install safetensors threadpoolctl rich matplotlib pillow" in out
        and "unknown: ZeroDivisionError" in out
    )


def test_list_shows_data_time_and_score_of_each_recipe(tmp_path):
    code, out, _ = call("list", cwd=tmp_path)
    assert (
        code == 0
        and out.startswith("mnist-cnn: ")
        and all(
            word in out for word in ("data ", "time ", "score ", "tinygrad-edu train mnist-cnn")
        )
    )


def test_version_and_help(tmp_path):
    assert call("--version", cwd=tmp_path)[1].startswith("tinygrad-edu ")
    code, out, _ = call("train", "--help", cwd=tmp_path)
    assert code == 0 and all(
        flag in out
        for flag in (
            "--data",
            "--epochs",
            "--lr",
            "--batch-size",
            "--seed",
            "--device",
            "--out",
            "--resume",
            "--limit",
        )
    )


@pytest.mark.parametrize(
    "words, said",
    [
        (("dance",), "dance"),
        (("train",), "RECIPE"),
        (("train", "nothing"), "mnist-cnn"),
        (("train", "mnist-cnn", "--epochs", "0"), "--epochs"),
        (("train", "mnist-cnn", "--epochs", "x"), "integer"),
        (("train", "mnist-cnn", "--lr", "-1"), "above 0"),
        (("train", "mnist-cnn", "--lr", "nan"), "--lr"),
        (("train", "mnist-cnn", "--batch-size", "1.5"), "--batch-size"),
        (("train", "mnist-cnn", "--data", "nowhere"), "--data"),
        (("train", "mnist-cnn", "--data", "."), "MNIST"),
        (("train", "mnist-cnn", "--device", "abacus"), "device"),
        (("train", "mnist-cnn", "--resume"), "--resume"),
        (("train", "mnist-cnn", "--resume", "--overwrite"), "--overwrite"),
        (("train", "mnist-cnn", "--out", "file"), "folder"),
        (("predict", "x"), "IMAGE"),
        (("train", "mnist-cnn", "--out", "file/below"), "folder"),
        (("train", "mnist-cnn", "--wings"), "--wings"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(words, said, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGRAD_EDU_DATA", raising=False)
    try:
        code = main(words)
    except SystemExit as stop:  # how argparse ends a program
        code = stop.code
    err = capsys.readouterr().err
    assert (
        code == 2 and said in err and err.startswith("tinygrad-edu: ") and err.count("\n") == 1
    ), err


@pytest.mark.parametrize("command", ["doctor", "explain script.py"])
def test_a_closed_pipe_is_no_error(command, tmp_path):
    (tmp_path / "script.py").write_text(
        "import sys, torch\nsys.stdin.read()\nx = torch.ones(2, requires_grad=True)\n"
        "(x * x).sum().backward()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "tinygrad_edu", *command.split()],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()  # the reader, such as `head`, has gone
        process.stdin.close()  # and now the script writes
        assert process.stderr.read() == ""
    assert process.returncode == 0
