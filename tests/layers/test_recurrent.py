"""Recurrent layers equal PyTorch's: outputs, final states and gradients, packed or padded, in all
their settings.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.autograd import gradcheck, gradgradcheck
from tinygrad_edu.engine.device import functional
from tinygrad_edu.nn.utils import rnn

T, B, I, H = 5, 3, 4, 6
LENGTHS = [2, 5, 3]


def pair(name, dtype="float64", **settings):
    """(our layer, PyTorch's with the same parameters)."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(I, H, dtype=getattr(torch, dtype), **settings)
    ours = getattr(nn, name)(I, H, dtype=getattr(tg, dtype), **settings)
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return torch, ours, theirs


def flat(x):
    """The tensors of nested outputs, packed sequences as their data."""
    if hasattr(x, "batch_sizes"):
        return [x.data]
    return [t for v in x for t in flat(v)] if isinstance(x, tuple) else [x]


def compare(torch, ours, theirs, out, expected, inputs, their_inputs, tolerance=1e-9):
    rng = np.random.default_rng(3)
    total = their_total = 0
    for a, b in zip(flat(out), flat(expected), strict=True):
        np.testing.assert_allclose(
            a.detach().array, b.detach().numpy(), rtol=tolerance, atol=tolerance
        )
        weight = rng.standard_normal(a.shape).astype(str(b.dtype).split(".")[-1])
        total, their_total = (
            total + (a * tg.tensor(weight)).sum(),
            their_total + (b * torch.tensor(weight)).sum(),
        )
    total.backward()
    their_total.backward()
    for a, b in itertools.chain(
        zip(inputs, their_inputs), zip(ours.parameters(), theirs.parameters(), strict=True)
    ):
        np.testing.assert_allclose(
            a.grad.array, b.grad.numpy(), rtol=10 * tolerance, atol=10 * tolerance
        )


def both(torch, *shape, dtype="float64", seed=1):
    value = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return tg.tensor(value).requires_grad_(), torch.tensor(value).requires_grad_()


SETTINGS = [
    {},
    {"bidirectional": True, "num_layers": 2},
    {"batch_first": True, "bias": False},
    {"num_layers": 3},
]
KINDS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 2}),
    ("GRU", {}),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("name", "own"), KINDS)
@pytest.mark.parametrize("given", [False, True])
def test_layer_computes_what_pytorch_computes(name, own, settings, given):
    torch, ours, theirs = pair(name, **own, **settings)
    assert repr(ours) == repr(theirs)
    x, y = both(torch, *((B, T, I) if settings.get("batch_first") else (T, B, I)))
    inputs, others = [x], [y]
    if given:
        lead = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
        for k, size in enumerate([own.get("proj_size", H), H] if name == "LSTM" else [H]):
            a, b = both(torch, lead, B, size, seed=k + 5)
            inputs.append(a)
            others.append(b)
        hx, their_hx = (
            (tuple(inputs[1:]), tuple(others[1:])) if name == "LSTM" else (inputs[1], others[1])
        )
        compare(torch, ours, theirs, ours(x, hx), theirs(y, their_hx), inputs, others)
    else:
        compare(torch, ours, theirs, ours(x), theirs(y), inputs, others)


@pytest.mark.parametrize("settings", [{}, {"bidirectional": True, "num_layers": 2}])
@pytest.mark.parametrize(("name", "own"), KINDS)
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_sequences_give_what_pytorch_gives(name, own, settings, enforce_sorted):
    torch, ours, theirs = pair(name, **own, **settings)
    lengths = sorted(LENGTHS, reverse=True) if enforce_sorted else LENGTHS
    x, y = both(torch, T, B, I)
    packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
    other = torch.nn.utils.rnn.pack_padded_sequence(y, lengths, enforce_sorted=enforce_sorted)
    lead = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    a, b = both(torch, lead, B, H, seed=7)
    given = name != "LSTM"
    out, expected = (ours(packed, a), theirs(other, b)) if given else (ours(packed), theirs(other))
    assert out[0].batch_sizes.tolist() == expected[0].batch_sizes.tolist()
    padded, lengths_again = rnn.pad_packed_sequence(out[0], batch_first=True, padding_value=-1.0)
    theirs_padded, theirs_lengths = torch.nn.utils.rnn.pad_packed_sequence(
        expected[0], batch_first=True, padding_value=-1.0
    )
    np.testing.assert_allclose(padded.detach().array, theirs_padded.detach().numpy(), rtol=1e-9)
    assert lengths_again.tolist() == theirs_lengths.tolist()
    compare(torch, ours, theirs, out, expected, [x, a] if given else [x], [y, b] if given else [y])


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_one_sequence_needs_no_batch_dim_and_float32_is_near(name):
    torch, ours, theirs = pair(name, dtype="float32", bidirectional=True)
    x, y = both(torch, T, I, dtype="float32")
    compare(torch, ours, theirs, ours(x), theirs(y), [x], [y], tolerance=1e-5)


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("lead", [(B,), ()])
def test_cell_computes_what_pytorch_computes(name, lead):
    torch, ours, theirs = pair(name)
    assert repr(ours) == repr(theirs)
    x, y = both(torch, *lead, I)
    a, b = both(torch, *lead, H, seed=2)
    c, d = both(torch, *lead, H, seed=3)
    hx, their_hx = ((a, c), (b, d)) if name == "LSTMCell" else (a, b)
    inputs, others = ([x, a, c], [y, b, d]) if name == "LSTMCell" else ([x, a], [y, b])
    np.testing.assert_allclose(
        flat(ours(x))[0].detach().array, flat(theirs(y))[0].detach().numpy(), rtol=1e-9
    )
    compare(torch, ours, theirs, ours(x, hx), theirs(y, their_hx), inputs, others)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_gradients_of_two_orders_agree_with_finite_differences(name):
    layer = getattr(nn, name)(2, 2, bidirectional=True, dtype=tg.float64)
    x = tg.randn(3, 2, 2, dtype=tg.float64).requires_grad_()
    call = lambda x, *weights: layer(x)[0]  # noqa: E731
    assert gradcheck(call, [x])
    assert gradgradcheck(call, [x])


@pytest.mark.parametrize(("name", "own"), KINDS)
@pytest.mark.parametrize("form", ["single", "packed"])
def test_batch_first_with_given_states_unbatched_or_packed(name, own, form):
    torch, ours, theirs = pair(name, batch_first=True, bidirectional=True, **own)
    x, y = both(torch, *((T, I) if form == "single" else (B, T, I)))
    inputs, others = [x], [y]
    for k, size in enumerate([own.get("proj_size", H), H] if name == "LSTM" else [H]):
        a, b = both(torch, *((2, size) if form == "single" else (2, B, size)), seed=k + 5)
        inputs.append(a)
        others.append(b)
    hx, their_hx = (
        (tuple(inputs[1:]), tuple(others[1:])) if name == "LSTM" else (inputs[1], others[1])
    )
    fed, their_fed = x, y
    if form == "packed":
        fed = rnn.pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
        their_fed = torch.nn.utils.rnn.pack_padded_sequence(
            y, LENGTHS, batch_first=True, enforce_sorted=False
        )
    compare(torch, ours, theirs, ours(fed, hx), theirs(their_fed, their_hx), inputs, others)


@pytest.mark.parametrize(("name", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_every_backward_pass_over_a_kept_graph_computes_anew(name, gates):
    leaf = lambda *shape: tg.randn(*shape, dtype=tg.float64).requires_grad_()  # noqa: E731
    inputs = [
        leaf(3, 2, gates * H),
        leaf(2, H),
        *([leaf(2, H)] if name == "lstm" else []),
        leaf(gates * H, H),
    ]
    out = getattr(functional, f"{name}_sequence")(*inputs)
    g = tg.ones(*out.shape, dtype=tg.float64)
    out.backward(g, retain_graph=True)
    once = [x.grad.array.copy() for x in inputs]
    out.backward(g, retain_graph=True)
    out.backward(g, retain_graph=True)
    for x, d in zip(inputs, once):
        np.testing.assert_allclose(x.grad.array, 3 * d)
        x.grad.zero_()
    out.backward(g, retain_graph=True)
    for x, d in zip(inputs, once):
        np.testing.assert_allclose(x.grad.array, d)
        x.grad = None
    g.mul_(2.0)
    out.backward(g)
    for x, d in zip(inputs, once):
        np.testing.assert_allclose(x.grad.array, 2 * d)


def test_what_happens_past_the_end_of_a_packed_sequence_does_not_matter():
    layer = nn.RNN(1, 1, nonlinearity="relu")
    with tg.no_grad():
        for p, value in zip(layer.parameters(), (1.0, 3.0, 0.0, 0.0)):
            p.fill_(value)
    x = tg.zeros(200, 2, 1)
    x[0, 1, 0], x[1:, 0, 0] = 1.0, -1.0  # the second would reach 3^199, but it ends after two steps
    layer(rnn.pack_padded_sequence(x, [200, 2]))[0].data.sum().backward()
    assert [p.grad.item() for p in layer.parameters()] == [4.0, 1.0, 5.0, 5.0]


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_an_empty_batch_passes_through(name):
    layer = getattr(nn, name)(I, H)
    out, _ = layer(tg.ones(T, 0, I))
    out.sum().backward()
    assert tuple(out.shape) == (T, 0, H)
    assert all(not p.grad.array.any() for p in layer.parameters())


def test_dropout_that_does_nothing_is_pointed_out():
    with pytest.warns(UserWarning, match="LSTM: dropout works between layers"):
        nn.LSTM(I, H, dropout=0.5)


def test_dropout_works_between_layers_and_only_in_training():
    layer = nn.LSTM(I, H, num_layers=2, dropout=0.5)
    x = tg.randn(T, B, I)
    first, second = layer(x)[0], layer(x)[0]
    assert (
        not np.array_equal(first.array, second.array)
        if not first.requires_grad
        else not np.array_equal(first.detach().array, second.detach().array)
    )
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].detach().array, layer(x)[0].detach().array)


def test_packing_and_padding_are_inverse():
    sequences = [tg.arange(n).reshape(-1, 1) for n in LENGTHS]
    packed = rnn.pack_sequence(sequences, enforce_sorted=False)
    assert [s.tolist() for s in rnn.unpack_sequence(packed)] == [s.tolist() for s in sequences]
    padded = rnn.pad_sequence(sequences, batch_first=True, padding_value=-1)
    assert padded[0, :, 0].tolist() == [0, 1, -1, -1, -1]
    assert rnn.pad_sequence(sequences, padding_side="left", batch_first=True)[0, :, 0].tolist() == [
        0,
        0,
        0,
        0,
        1,
    ]
    assert [
        s.shape[0] for s in rnn.unpad_sequence(padded, tg.tensor(LENGTHS), batch_first=True)
    ] == LENGTHS


def test_an_lstm_carries_its_state_over_calls():
    layer = nn.LSTM(I, H)
    x = tg.randn(T, B, I)
    whole, (h, c) = layer(x)
    first, state = layer(x[:2])
    rest, (h2, c2) = layer(x[2:], state)
    np.testing.assert_allclose(
        tg.cat([first, rest]).detach().array, whole.detach().array, atol=1e-6
    )
    np.testing.assert_allclose(h2.detach().array, h.detach().array, atol=1e-6)
    np.testing.assert_allclose(c2.detach().array, c.detach().array, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.LSTM(I, H)(tg.ones(T, B, I + 1)), "LSTM: input must have 4 features"),
        (lambda: nn.GRU(I, H)(tg.ones(T)), "GRU: input must be 2-d or 3-d"),
        (lambda: nn.RNN(I, H)(tg.ones(T, B, I), tg.ones(1, B, H + 1)), "RNN: hx must have shape"),
        (
            lambda: nn.GRU(I, H)(tg.ones(T, B, I), tg.ones(1, B, H, dtype=tg.float64)),
            "GRU: hx must have the input's dtype",
        ),
        (lambda: nn.LSTM(I, H)(tg.ones(T, B, I), tg.ones(1, B, H)), "LSTM: hx must be a pair"),
        (lambda: nn.GRU(I, H, proj_size=2), "GRU: proj_size"),
        (lambda: nn.RNN(I, H, nonlinearity="sigmoid"), "RNN: nonlinearity"),
        (
            lambda: nn.LSTM(I, H)(tg.ones(T, B, I, dtype=tg.float64)),
            "LSTM: input must have the parameters' dtype",
        ),
        (lambda: nn.LSTMCell(I, H)(tg.ones(B, I + 1)), "LSTMCell: input must be"),
        (
            lambda: rnn.pack_padded_sequence(tg.ones(T, B, I), [1, 2, 3]),
            "pack_padded_sequence: lengths must fall",
        ),
        (
            lambda: rnn.pack_padded_sequence(tg.ones(T, B, I), [9, 2, 1]),
            "pack_padded_sequence: lengths must be 3 numbers",
        ),
    ],
)
def test_bad_input_is_refused_with_what_to_do(call, message):
    with pytest.raises(tg.TinygradEduError, match=message):
        call()
