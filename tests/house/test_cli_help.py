"""What the command line says before anything runs: help, suggestions, JSON, completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tinygrad_edu.bench.report import table
from tinygrad_edu.cli import COMMANDS, main
from tinygrad_edu.engine.device import get_device
from tinygrad_edu.engine.errors import DeviceError
from tinygrad_edu.recipes import MODULES, get

DATA = Path(os.environ.get("TINYGRAD_EDU_TEST_DATA", "no-data"))


def said(capsys, *words: str) -> str:
    """What a command that ends well prints."""
    try:
        assert main(words) == 0
    except SystemExit as end:  # --help
        assert end.code == 0
    return capsys.readouterr().out


def refused(capsys, *words: str) -> str:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_the_bare_command_prints_the_help(capsys):
    out = said(capsys)
    assert all(f"    {command.NAME}" in out for command in COMMANDS)


def test_the_help_of_a_recipe_shows_its_own_flags_only(capsys):
    for name in MODULES:
        out = said(capsys, "train", name, "--help")
        own = {option.flag for option in get(name).RECIPE.options}
        every = {option.flag for other in MODULES for option in get(other).RECIPE.options}
        assert {flag for flag in every if f"{flag} " in out} == own
        assert "--epochs" in out and "--resume" in out
    out = said(capsys, "train", "--help")
    assert "--sample" not in out and "train RECIPE --help" in out


@pytest.mark.parametrize(
    "words, meant",
    [
        (("lst",), "list"),
        (("train", "mnist"), "mnist-cnn"),
        (("train", "char-gtp"), "char-gpt"),
        (("train", "names", "--modle", "gru"), "--model"),
        (("train", "names", "--model", "gur"), "gru"),
        (("train", "names", "--epoch=1", "--resmue"), "--resume"),
        (("kernels", "profile", "sofmax"), "softmax"),
        (("kernels", "lst"), "list"),
        (("bench", "sofmax"), "softmax"),
        (("bench", "softmax_3_wrap"), "softmax_3_warp"),
    ],
)
def test_a_slip_of_the_pen_gets_a_suggestion(words, meant, capsys):
    err = refused(capsys, *words)
    assert f"Did you mean {meant!r}?" in err and len(err) < 400


def test_lists_can_be_read_by_programs(capsys):
    recipes = json.loads(said(capsys, "list", "--json"))
    assert [recipe["name"] for recipe in recipes] == list(MODULES)
    assert {"data", "time", "score", "epochs", "options"} <= recipes[0].keys()
    kernels = json.loads(said(capsys, "kernels", "list", "--json"))
    assert {"op": "softmax", "rung": "3"}.items() <= kernels_of(kernels, "softmax", "3").items()
    machine = json.loads(said(capsys, "doctor", "--json"))
    assert {"python", "numpy", "devices", "packages"} <= machine.keys()
    assert "rich" in machine["packages"]


def kernels_of(kernels: list[dict], op: str, rung: str) -> dict:
    return next(k for k in kernels if (k["op"], k["rung"]) == (op, rung))


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_recipes_and_flags(capsys):
    script = said(capsys, "completion", "bash")
    for typed, expected in (
        (["tr"], {"train"}),
        (["train", "char-"], {"char-gpt", "char-rnn"}),
        (["train", "names", "--m"], {"--model"}),
        (["train", "seq2seq", "--resume", "--at"], {"--attention"}),
        (["kernels", "pro"], {"profile"}),
        (["kernels", "profile", "softm"], {"softmax", "softmax_backward"}),
        (["list", "--js"], {"--json"}),
    ):
        words = " ".join(["tinygrad-edu", *typed])
        ask = (
            f"{script}\nCOMP_WORDS=({words}); COMP_CWORD={len(typed)}; _tinygrad_edu;"
            ' printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True)
        assert done.stderr == ""
        found = set(done.stdout.split())
        assert found and found <= expected | {"softmax_with"}, (typed, found)


def test_zsh_gets_the_same_script_behind_its_bridge_to_bash(capsys):
    bash, zsh = (said(capsys, "completion", shell) for shell in ("bash", "zsh"))
    assert zsh.endswith(bash) and "bashcompinit" in zsh


@pytest.mark.skipif(not DATA.exists(), reason=f"no data in {DATA}; set TINYGRAD_EDU_TEST_DATA")
def test_every_recipe_finds_its_data_in_one_folder():
    from tinygrad_edu.recipes import names, sentiment, seq2seq, stories, translate
    from tinygrad_edu.train.sources import characters, files, pictures

    data = str(DATA)
    assert "MNIST" in pictures.find_digits(data, 20).text
    clothes = pictures.find_clothes(data, 20)
    assert clothes is not None and "Fashion" in clothes.text
    assert "Tiny Shakespeare" in characters.find_characters(data, 2000).text
    assert "names.txt" in names.find_names(data, 20)[1]
    assert "movie" in sentiment.find_sentences(data, 20)[2]
    assert "Tatoeba" in seq2seq.find_pairs(data, 20)[1]
    assert "Multi30k" in translate.find_parts(data, 20)[1]
    assert files.search(data, "stories260k/stories260K.bin")
    assert stories.RECIPE.name == "stories"


@pytest.mark.parametrize("name", ["mnist-cnn", "alexnet", "names", "char-gpt", "sentiment"])
def test_a_folder_without_the_data_is_one_line_that_says_what_is_missing(name, tmp_path, capsys):
    err = refused(capsys, "train", name, "--data", str(tmp_path), "--out", str(tmp_path / "run"))
    assert "--data" in err and "download=True" not in err
    assert not (tmp_path / "run").exists()


def test_sizes_can_be_written_with_commas_or_with_x():
    from tinygrad_edu.bench.works.work import parse_shape
    from tinygrad_edu.cli.parser import shape

    assert shape("64,256") == shape("64x256") == (64, 256)
    assert parse_shape("softmax", "64,256") == parse_shape("softmax", "64x256") == (64, 256)


def test_bench_without_a_gpu_leads_to_the_emulated_one(capsys):
    try:
        get_device("cuda")
    except (DeviceError, ImportError):
        told = refused(capsys, "bench", "softmax")
        assert "--device emu" in told and "--device cpu" in told


def test_counters_stand_beside_their_ideal():
    row = {"kernel": "k", "op": "softmax", "shape": [4, 4], "device": "emu"}
    text = table([{**row, "sectors_per_request": 16.0, "ideal_sectors": 16.0}])
    assert "sectors/request  ideal" in text and "16.00  16.00" in text
