"""`summary` lists a model's layers with the shapes, parameters, memory and FLOPs that one can count
by hand, and leaves the model as it was.
"""

from __future__ import annotations

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def flops(model, *size, **more) -> int:
    return tg.summary(model, size, **more).flops


def test_a_table_of_layers_in_the_order_of_their_calls():
    found = tg.summary(Digits(), (4, 1, 6, 6))
    assert [(row.depth, row.name, row.kind) for row in found.rows] == [
        (0, "", "Digits"),
        (1, "features", "Sequential"),
        (2, "0", "Conv2d"),
        (2, "1", "BatchNorm2d"),
        (2, "2", "ReLU"),
        (1, "head", "Linear"),
    ]
    conv = found.rows[2]
    assert (conv.input, conv.output) == ("(4, 1, 6, 6)", "(4, 8, 6, 6)")
    assert conv.parameters == 8 * 9 + 8
    assert conv.flops == 2 * 8 * 9 * 4 * 36
    assert found.flops == conv.flops + 2 * 4 * 8 * 10
    assert found.total_params == 80 + 16 + 90 and found.param_bytes == 4 * 186
    assert found.input_bytes == 4 * 36 * 4
    assert found.output_bytes == 4 * (3 * 4 * 8 * 36 + 4 * 10)
    text = str(found)
    assert "186 parameters, 744 B" in text and "    0: Conv2d" in text
    assert max(map(len, text.splitlines())) < 100
    assert "<table>" in found._repr_html_() and "Conv2d" in found._repr_html_()


def test_depth_hides_rows_and_changes_no_total():
    whole, short = (tg.summary(Digits(), (4, 1, 6, 6), depth=depth) for depth in (None, 1))
    assert [row.name for row in short.rows] == ["", "features", "head"]
    assert (short.flops, short.output_bytes) == (whole.flops, whole.output_bytes)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    model[1].eval()
    tg.manual_seed(1)
    state = tg.get_rng_state().tolist()
    tg.summary(model, (2, 3))
    assert [layer.training for layer in model.modules()] == [True, True, False, True]
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in model.modules())
    assert tg.get_rng_state().tolist() == state
    assert model[2].num_batches_tracked.item() == 0
    assert all(p.grad is None for p in model.parameters())


def test_an_error_in_the_model_leaves_no_hooks():
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(tg.TinygradEduError):
        tg.summary(model, (2, 4))
    assert model.training and not model[0]._forward_hooks


def test_a_layer_that_is_called_twice_is_counted_once_in_parameters_and_twice_in_flops():
    layer = nn.Linear(5, 5)
    found = tg.summary(nn.Sequential(layer, nn.ReLU(), layer), (2, 5))
    assert found.total_params == 30 and found.flops == 2 * 2 * 2 * 25
    assert [row.again for row in found.rows] == [False, False, False, True]
    assert "(again)" in str(found)


def test_frozen_parameters_are_told():
    model = nn.Linear(5, 5)
    model.bias.requires_grad_(False)
    found = tg.summary(model, (2, 5))
    assert (found.total_params, found.trainable_params) == (30, 25)
    assert "(5 of them frozen)" in str(found)


@pytest.mark.parametrize(
    "model, size, wanted",
    [
        (nn.Conv2d(4, 6, 3, groups=2), (2, 4, 8, 8), 2 * 2 * 6 * 36 * 2 * 9),
        (nn.ConvTranspose2d(4, 6, 2, stride=2), (2, 4, 8, 8), 2 * 2 * 64 * 4 * 6 * 4),
        (nn.Conv1d(3, 5, 1), (2, 3, 7), 2 * 2 * 7 * 15),
        (nn.LSTM(3, 4, batch_first=True), (2, 7, 3), 2 * 2 * 7 * (16 * 3 + 16 * 4)),
        (nn.GRUCell(3, 4), (2, 3), 2 * 2 * (12 * 3 + 12 * 4)),
        (nn.ReLU(), (2, 3), 0),
    ],
)
def test_flops_are_those_counted_by_hand(model, size, wanted):
    assert flops(model, *size) == wanted


def test_attention_counts_its_projections_scores_and_means():
    E, B, L = 8, 2, 5
    attention = nn.MultiheadAttention(E, 2, batch_first=True)
    x = tg.zeros(B, L, E)
    found = tg.summary(attention, input_data=(x, x, x))
    assert found.flops == 2 * B * (4 * L * E * E + 2 * L * L * E)


def test_inputs_of_other_kinds():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    found = tg.summary(model, (3, 7), dtypes=[tg.int64])
    assert found.rows[-1].output == "(3, 7, 2)" and found.input_bytes == 3 * 7 * 8
    two = tg.summary(nn.Bilinear(3, 4, 5), [(2, 3), (2, 4)])
    assert two.rows[0].input == "(2, 3), (2, 4)"
    assert two.flops == 2 * 2 * 5 * 12
    with pytest.raises(tg.TinygradEduError, match="got neither"):
        tg.summary(model)
    with pytest.raises(tg.TinygradEduError, match="got both"):
        tg.summary(model, (1, 2), tg.zeros(1, 2))


def test_a_lazy_layer_is_listed_once_as_what_it_became():
    found = tg.summary(nn.Sequential(nn.LazyLinear(3)), (4, 2))
    assert [(row.kind, row.parameters) for row in found.rows] == [("Sequential", 9), ("Linear", 9)]
    assert (found.total_params, found.flops) == (9, 2 * 4 * 2 * 3)


def test_hooks_of_a_lazy_layer_run_once_at_its_first_call():
    layer, calls = nn.LazyLinear(3), []
    layer.register_forward_pre_hook(lambda *_: calls.append("before"))
    layer.register_forward_hook(lambda *_: calls.append("after"))
    layer(tg.zeros(4, 2))
    assert calls == ["before", "after"]


def test_what_is_no_model_or_no_shape_is_refused_in_words():
    with pytest.raises(tg.DTypeError, match="summary: model must be a Module, got int"):
        tg.summary(3, (1,))
    with pytest.raises(tg.DTypeError, match="as input_data"):
        tg.summary(nn.Linear(5, 2), tg.ones(2, 5))
