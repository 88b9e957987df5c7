"""The pictures of a run: no legend over the data, whole epochs, axes that are named."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

import tinygrad_edu as tg
from tinygrad_edu.train import plots


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved."""
    saved = []
    save = Figure.savefig

    def keep(self, *args, **options):
        save(self, *args, **options)
        saved.append(self)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def history(epochs: int, counted: bool) -> list[dict]:
    found = []
    for i in range(epochs):
        result = {"epoch": i + 1, "loss": 2.0 / (i + 1), "validation_loss": 2.2 / (i + 1)}
        if counted:
            result |= {"accuracy": 1 - 0.5 / (i + 1), "validation_accuracy": 1 - 0.6 / (i + 1)}
        found.append(result)
    return found


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda o: hasattr(o, "get_text"))]


@pytest.mark.parametrize("epochs", [1, 2, 15])
@pytest.mark.parametrize("counted", [True, False])
def test_curves_have_whole_epochs_and_a_legend_beside_the_data(figures, epochs, counted):
    plots.curves(io.BytesIO(), history(epochs, counted), list(np.linspace(2, 0.1, 10 * epochs)))
    (figure,) = figures
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1  # all of it is in the picture
    for axes in figure.axes:
        assert not box.overlaps(axes.get_tightbbox())
        ticks = [label.get_text() for label in axes.get_xticklabels() if label.get_text()]
        assert ticks and all(tick.isdigit() for tick in ticks)
        shown = [label.get_text() for label in axes.get_yticklabels(which="both")]
        assert not any("times" in text or "^" in text for text in shown)
        assert not axes.get_legend()
    assert "validation" in texts(figure) and not any("test" in text for text in texts(figure))
    for axes in figure.axes[1:]:  # the last value stands beside its dot, in the picture
        (note,) = axes.texts
        assert note.get_window_extent().x1 <= figure.bbox.x1


def test_a_mistake_names_the_truth_and_the_answer(figures):
    images, labels = tg.zeros(3, 4, 4, dtype=tg.uint8), tg.tensor([7, 2, 2])
    probabilities = tg.zeros(3, 10)
    probabilities[0, 1], probabilities[1, 2], probabilities[2, 3] = 0.9, 1.0, 0.6
    plots.mistakes(io.BytesIO(), images, labels, probabilities)
    plots.mistakes(io.BytesIO(), images, labels, probabilities, names=list("abcdefghij"))
    digits, named = (" ".join(texts(figure)) for figure in figures)
    assert "true 7, read as 1\n90 % confident" in digits and "2 of 3 test images" in digits
    assert "true: h\nread as: b" in named


def test_attention_names_its_axes_and_shows_its_scale(figures):
    weights = np.full((2, 3), 1 / 3)
    plots.attention(io.BytesIO(), [(["I", "am", "."], ["je", "suis"], weights)] * 2)
    (figure,) = figures
    first, second, scale = figure.axes
    assert first.get_xlabel() == second.get_xlabel() == "word read"
    assert first.get_ylabel() == "word written"
    assert "share of the attention" in scale.get_ylabel()
    assert [label.get_text() for label in second.get_xticklabels()] == ["I", "am", "."]


def test_a_digit_is_written_pixel_for_pixel():
    image = pytest.importorskip("PIL.Image")
    pixels = tg.arange(16).reshape(4, 4).to(tg.uint8) * 17
    picture = io.BytesIO()
    plots.digit(picture, pixels)
    found = np.asarray(image.open(picture).convert("L"))
    assert np.array_equal(found, pixels.numpy())
