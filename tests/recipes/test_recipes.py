"""Every recipe trains on what is always there, and goes on bit for bit after a kill; generation and
search do what they say.
"""

from __future__ import annotations

import ast
import json
import math
import os
import random
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from support.cli import assert_same_run, call, lines, stopped

import tinygrad_edu as tg
from tinygrad_edu.models import (
    CharRNN,
    KVCache,
    Seq2Seq,
    Translator,
    char_rnn,
    gpt,
    llama,
    seq2seq,
    translator,
)
from tinygrad_edu.models.search import beam_search, greedy
from tinygrad_edu.recipes import MODULES, get, names, translate
from tinygrad_edu.recipes.char_rnn import columns
from tinygrad_edu.train.divergence import first_not_finite
from tinygrad_edu.train.sources.pairs import made_up
from tinygrad_edu.train.state import State

pytest.importorskip("safetensors")
STORIES = Path(os.environ.get("TINYGRAD_EDU_TEST_DATA", "no-data")) / "stories260k"

SMALL = {  # flags that make a run of a few seconds; each epoch has at least 10 steps
    "mnist-cnn": ("--limit", 200, "--batch-size", 20),
    "alexnet": ("--limit", 40, "--batch-size", 4),
    "char-gpt": ("--limit", 4000, "--sample", 20, "--batch-size", 2),
    "char-rnn": ("--limit", 16000, "--batch-size", 8, "--hidden", 16, "--sample", 20),
    "names": ("--limit", 400, "--model", "gru", "--sample", 5),
    "seq2seq": ("--limit", 400, "--batch-size", 100, "--hidden", 16),
    "translate": ("--limit", 200, "--batch-size", 100, "--vocabulary", 300, "--beams", 2),
    "sentiment": ("--limit", 400, "--batch-size", 20, "--model", "transformer"),
}


@pytest.mark.parametrize(
    "name", [n for n in MODULES if n not in ("mnist-cnn", "stories", "alexnet")]
)
def test_recipe_trains_on_what_is_always_there_and_leaves_its_files(name, tmp_path):
    code, out, err = call(
        "train",
        name,
        *SMALL[name],
        "--epochs",
        1,
        "--out",
        "run",
        cwd=tmp_path,
        plots=True,
        TINYGRAD_EDU_DATA=str(tmp_path),
    )
    assert (code, err) == (0, "")
    assert {"last.safetensors", "best.safetensors", "metrics.jsonl"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }
    events = lines(tmp_path / "run")
    assert events[-1]["event"] == "end"
    assert all(math.isfinite(e["loss"]) for e in events if e["event"] == "epoch")


@pytest.mark.parametrize("name", list(MODULES))
def test_recipe_tells_its_data_time_and_score(name):
    recipe = get(name).RECIPE
    assert recipe.name == name
    assert all((recipe.task, recipe.data, recipe.time, recipe.score))


@pytest.mark.parametrize("name", [name for name in MODULES if name != "stories"])
def test_the_score_that_a_recipe_tells_was_measured(name):
    """One figure in the README's table, in `list` and in the recipe's own file."""
    results = Path(__file__).parents[2] / "benchmarks" / "results" / "recipes.json"
    if not results.exists():
        pytest.skip("the results are part of a checkout only")
    rows = [row for row in json.loads(results.read_text())["rows"] if row["recipe"] == name]
    figures = [figure for row in rows for figure in told(row)]
    recipe, text = get(name).RECIPE, Path(get(name).__file__).read_text(encoding="utf-8")
    said = re.findall(r"\d+\.\d+", recipe.score)
    assert said and not set(said) - set(figures)
    assert all(text.count(figure) >= 1 for figure in said)


def told(row: dict) -> list[str]:
    """A row's figures, as the README shows them."""
    found = [f"{row['bleu']:.1f}"] if "bleu" in row else []
    if "test_accuracy" in row:
        return [*found, f"{100 * row['test_accuracy']:.2f}"]
    return [*found, f"{row['validation_loss']:.3f}"]


def killed_and_resumed(name, tmp_path, kills, epochs=2, device="cpu"):
    """A run killed at random moments and resumed until it is done, beside one that was left
    alone.
    """
    flags = (*SMALL[name], "--epochs", epochs, "--seed", 3, "--save-every", 0, "--device", device)
    assert (
        call(
            "train", name, *flags, "--out", "whole", cwd=tmp_path, TINYGRAD_EDU_DATA=str(tmp_path)
        )[0]
        == 0
    )
    last = max(line["step"] for line in lines(tmp_path / "whole") if line["event"] == "step")
    rng, run, resume = random.Random(name), tmp_path / "run", flags
    for step in sorted(rng.sample(range(10, last + 1, 10), min(kills, last // 10))):
        words = ("train", name, *resume, "--out", "run", "--save-every", 0)
        stopped(signal.SIGKILL, step, *words, cwd=tmp_path, TINYGRAD_EDU_DATA=str(tmp_path))
        resume = ("--resume",)
    assert (
        call("train", name, *resume, "--out", "run", cwd=tmp_path, TINYGRAD_EDU_DATA=str(tmp_path))[
            0
        ]
        == 0
    )
    assert_same_run(tmp_path / "whole", run)


def test_kill_9_and_resume_give_the_same_bits(tmp_path):
    """One recipe, and the command line's tests another; the rest take minutes (below)."""
    killed_and_resumed("char-rnn", tmp_path, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist-cnn", "char-rnn", "char-gpt", "seq2seq", "translate"])
def test_kill_9_many_times_and_resume_give_the_same_bits(name, tmp_path):
    killed_and_resumed(name, tmp_path, 4, epochs=4)


# ---- generation and search -----------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
@pytest.mark.parametrize(
    "name, flags",
    [
        ("char-rnn", ("--limit", 2000, "--batch-size", 2, "--hidden", 16, "--sample", 5)),
        ("names", ("--limit", 100, "--model", "gru", "--sample", 3)),
        ("seq2seq", ("--limit", 100, "--batch-size", 100, "--hidden", 16)),
    ],
)
def test_a_recipe_trains_and_generates_on_another_device_as_on_the_cpu(name, flags, tmp_path):
    for device in ("cpu", "emu"):
        code, out, err = call(
            "train",
            name,
            *flags,
            "--epochs",
            1,
            "--device",
            device,
            "--out",
            device,
            cwd=tmp_path,
            TINYGRAD_EDU_DATA=str(tmp_path),
        )
        assert (code, err) == (0, "")
    losses = [
        [e["loss"] for e in lines(tmp_path / device) if e["event"] == "epoch"]
        for device in ("cpu", "emu")
    ]
    assert len(losses[0]) == 1
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
def test_kill_9_and_resume_give_the_same_bits_on_another_device(tmp_path):
    killed_and_resumed("char-rnn", tmp_path, kills=2, epochs=1, device="emu")


@pytest.mark.parametrize("temperature", [0, 0.8])
def test_the_gpts_cache_changes_nothing_it_writes(temperature):
    model = gpt.GPT(20, layers=2, heads=2, width=16, context=12)
    start_ = tg.tensor([[1, 2, 3], [4, 5, 6]])
    found = []
    for cached in (True, False):
        tg.manual_seed(5)
        found.append(gpt.generate(model, start_, 20, temperature, top_k=5, cached=cached).tolist())
    assert found[0] == found[1]
    assert len(found[0][0]) == 23


def test_the_rnn_carries_on_what_it_read():
    model = CharRNN(20, "lstm", 16).eval()
    text = [1, 2, 3, 4, 5]
    whole = model(tg.tensor(text).unsqueeze(1))[0][-1, 0]
    first, state = model(tg.tensor(text[:3]).unsqueeze(1))
    rest = model(tg.tensor(text[3:]).unsqueeze(1), state)[0][-1, 0]
    np.testing.assert_allclose(whole.detach().array, rest.detach().array, atol=1e-6)
    assert char_rnn.generate(model, [1], 10, temperature=0)[:1] == [1]
    x, y = columns(tg.arange(1000), 2)
    assert x.shape == (7, 64, 2)
    assert (y - x == 1).all()
    assert x[1, 0, 0].item() == x[0, -1, 0].item() + 1  # the next step goes on where the last ended


def table_scores(table):
    """Scores that depend on the last token only."""
    logp = tg.tensor(np.log(np.asarray(table)))
    return lambda tokens, rows: logp[tokens[:, -1]]


def test_beam_search_finds_what_greedy_search_misses():
    #         end   bos   a     b     c
    table = [
        [1.0, 1e-9, 1e-9, 1e-9, 1e-9],
        [1e-9, 1e-9, 0.55, 0.45, 1e-9],  # a is likelier at first
        [0.1, 1e-9, 0.3, 0.3, 0.3],  # but what follows a is not
        [0.05, 1e-9, 0.02, 0.03, 0.9],
        [0.98, 1e-9, 0.01, 0.005, 0.005],
    ]
    scores = table_scores(table)
    assert greedy(scores, 2, 1, 0, 3)[0][0] == 2
    assert beam_search(scores, 2, 1, 0, 6, beams=3, alpha=0.0) == [[3, 4], [3, 4]]
    assert beam_search(scores, 1, 1, 0, 6, beams=1, alpha=0.0)[0] == greedy(scores, 1, 1, 0, 6)[0]


def test_translating_with_padding_beside_gives_the_same_words():
    tg.manual_seed(0)
    model = Translator(30, 0, 16, 2, 1, 32, 0.0).eval()
    short, padded = tg.tensor([[5, 6, 7]]), tg.tensor([[5, 6, 7, 0, 0]])
    a, b = (
        translator.next_scores(model, x)(tg.tensor([[1, 9]]), tg.tensor([0]))
        for x in (short, padded)
    )
    np.testing.assert_allclose(a.detach().array, b.detach().array, atol=1e-5)
    model = Seq2Seq(30, 30, 16, True).eval()
    a, b = (
        seq2seq.next_scores(model, x)(tg.tensor([[1, 9]]), tg.tensor([0])) for x in (short, padded)
    )
    np.testing.assert_allclose(a.detach().array, b.detach().array, atol=1e-5)


def test_the_translators_loss_counts_no_padding():
    model = Translator(30, 0, 16, 2, 1, 32, 0.0).eval()
    loss, count = translate.loss_of(model, tg.tensor([[5, 6]]), tg.tensor([[1, 9, 2]]), 0.1)
    wide, more = translate.loss_of(model, tg.tensor([[5, 6, 0]]), tg.tensor([[1, 9, 2, 0, 0]]), 0.1)
    assert count == more == 2
    assert loss.item() == pytest.approx(wide.item(), rel=1e-5)


def test_the_translators_validation_does_not_depend_on_how_often_it_was_asked():
    """A resumed run must get the same bits, though it begins to count anew."""
    tg.manual_seed(0)
    tokenizer = tg.text.BPETokenizer.train((text for pair in made_up(60) for text in pair), 280)
    check = translate.loader_of(made_up(60), tokenizer, 60, tg.Generator().manual_seed(0))
    model = Translator(len(tokenizer), tokenizer.number["<pad>"], 16, 2, 1, 32, 0.0)
    first = [translate.evaluate(model, check, model.pad) for _ in range(6)]
    assert len(check) > 5 and len(set(first)) == 1


def test_made_up_languages_are_the_same_each_time_and_can_be_translated_word_by_word():
    pairs = made_up(50)
    assert pairs == made_up(50)
    assert all(len(a.split()) == len(b.split()) for a, b in pairs)


@pytest.mark.parametrize("kind", ["bigram", "mlp", "rnn", "gru", "transformer"])
def test_no_model_of_names_sees_the_letter_it_has_to_guess(kind):
    model = names.make_model(kind).eval()
    x = tg.randint(0, 27, (2, 10))
    changed = x.clone()
    changed[:, 6:] = 0
    a, b = (model(t).detach().array for t in (x, changed))
    np.testing.assert_allclose(a[:, :6], b[:, :6], atol=1e-5)


def test_a_choice_that_belongs_to_another_recipe_is_refused(tmp_path):
    code, _, err = call("train", "char-rnn", "--model", "transformer", cwd=tmp_path)
    assert code == 2
    assert "--model must be one of lstm, gru for char-rnn, got 'transformer'" in err


@pytest.mark.skipif(
    not STORIES.exists(),
    reason=f"the pretrained model is not in {STORIES}; set TINYGRAD_EDU_TEST_DATA",
)
def test_the_pretrained_model_tells_its_story_token_for_token():
    wanted = np.load(STORIES / "stories260k_reference.npz", allow_pickle=False)
    model = llama.load(STORIES / "stories260K.bin")
    pieces = llama.Pieces(STORIES / "tok512.bin", model.config.vocabulary)
    tokens = llama.generate(model, pieces.encode(""), 200)
    assert tokens == wanted["ids"].tolist()
    assert pieces.decode(tokens[1:]).decode() == str(wanted["text"])
    n = len(wanted["logits"])
    caches = [KVCache(n) for _ in model.layers]
    with tg.no_grad():
        logits = model(tg.tensor([tokens[:n]]), caches)[0].array
    np.testing.assert_allclose(logits, wanted["logits"], atol=1e-4)


def test_without_the_pretrained_model_stories_says_where_to_get_it(tmp_path):
    code, _, err = call("train", "stories", cwd=tmp_path, TINYGRAD_EDU_DATA=str(tmp_path))
    assert code == 2
    assert "huggingface.co/karpathy/tinyllamas" in err


def test_patience_stops_a_run_that_gets_no_better_and_it_counts_as_finished(tmp_path):
    flags = (
        "--limit",
        100,
        "--model",
        "bigram",
        "--lr",
        "1e-12",
        "--epochs",
        9,
        "--patience",
        2,
        "--sample",
        0,
        "--out",
        "run",
    )
    code, out, err = call("train", "names", *flags, cwd=tmp_path, TINYGRAD_EDU_DATA=str(tmp_path))
    assert (code, err) == (0, "")
    assert "No better for 2 epochs: stopped." in out
    epochs = [e for e in lines(tmp_path / "run") if e["event"] == "epoch"]
    assert 3 <= len(epochs) < 9
    code, _, err = call("train", "names", *flags, cwd=tmp_path, TINYGRAD_EDU_DATA=str(tmp_path))
    assert code == 2 and "a finished run" in err


def test_tensorboard_gets_the_metrics_too(tmp_path):
    flags = (
        "--limit",
        100,
        "--model",
        "bigram",
        "--epochs",
        1,
        "--sample",
        0,
        "--out",
        "run",
        "--tensorboard",
    )
    code, _, err = call("train", "names", *flags, cwd=tmp_path, TINYGRAD_EDU_DATA=str(tmp_path))
    try:
        import tensorboardX  # noqa: F401
    except ModuleNotFoundError:
        assert code == 2
        assert "pip install tensorboardX" in err
        return
    assert (code, err) == (0, "")
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert b"epoch/validation_loss" in events.read_bytes()


# ---- what a run stands on ------------------------------------------------------------------------


class Overflowing(tg.nn.Module):
    """A recurrent layer that is fed what float32 cannot hold."""

    def __init__(self, cells):
        super().__init__()
        self.cells = cells(2, 3)
        with tg.no_grad():
            self.cells.weight_ih_l0.copy_(tg.tensor([1.0, -1.0]).expand_as(self.cells.weight_ih_l0))

    def forward(self, x):
        return self.cells(x * 1e30)[0]


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize("cells", [tg.nn.LSTM, tg.nn.GRU])
def test_a_layer_with_several_outputs_is_named_when_the_loss_is_not_finite(cells):
    model = Overflowing(cells)
    assert "every layer's output is finite" in first_not_finite(model, (tg.ones(4, 1, 2),))
    found = first_not_finite(model, (tg.full((4, 1, 2), 1e30),))
    assert found == f"layer cells ({cells.__name__}), the first whose output holds nan"


def test_a_state_names_the_best_epoch_and_begins_the_next_with_empty_sums():
    state = State()
    for loss, best in ((0.5, True), (0.7, False), (0.4, True)):
        state.add_step(loss, count=4, correct=1)
        assert state.end_epoch({"epoch": state.epoch + 1, "validation_loss": loss}) is best
        assert (state.batch, state.loss_sum, state.correct, state.seen) == (0, 0.0, 0, 0)
    assert state.best == {"epoch": 3, "validation_loss": 0.4}
    assert state.losses == [0.5, 0.7, 0.4]


def test_a_recipe_imports_no_other_recipe():
    folder = Path(tg.__file__).parent / "recipes"
    for path in folder.glob("[a-z]*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                inside = node.level == 1 or (node.module or "").startswith("tinygrad_edu.recipes")
                assert not inside, f"{path.name}, line {node.lineno}"
