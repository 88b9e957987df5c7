"""Attention and Transformer layers equal PyTorch's in all their settings; causal models see no
future.
"""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.autograd import gradcheck

T, S, B, E, H = 4, 5, 3, 8, 2


def pair(name, *args, **settings):
    """(torch, our layer, PyTorch's with the same parameters)."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, dtype=torch.float64, **settings)
    with torch.no_grad():
        for p in theirs.parameters():  # biases too
            p.copy_(torch.randn(p.shape, dtype=torch.float64) * 0.4)
    ours = getattr(nn, name)(*args, dtype=tg.float64, **settings)
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(
        {k: torch.from_numpy(np.array(v.numpy())) for k, v in ours.state_dict().items()}
    )
    return torch, ours, theirs


def both(torch, *shape, seed=1):
    value = np.random.default_rng(seed).standard_normal(shape)
    return tg.tensor(value).requires_grad_(), torch.tensor(value).requires_grad_()


def same(torch, value):
    return tg.tensor(value), torch.tensor(value)


def compare(torch, ours, theirs, out, expected, inputs, others):
    out, expected = ((v,) if not isinstance(v, tuple) else v for v in (out, expected))
    total = their_total = 0
    for a, b in zip(out, expected, strict=True):
        assert (a is None) == (b is None)
        if a is None:
            continue
        np.testing.assert_allclose(a.detach().array, b.detach().numpy(), rtol=1e-9, atol=1e-9)
        weight = np.random.default_rng(3).standard_normal(a.shape)
        total, their_total = (
            total + (a * tg.tensor(weight)).sum(),
            their_total + (b * torch.tensor(weight)).sum(),
        )
    total.backward()
    their_total.backward()
    for a, b in [*zip(inputs, others), *zip(ours.parameters(), theirs.parameters(), strict=True)]:
        np.testing.assert_allclose(
            np.zeros(a.shape) if a.grad is None else a.grad.array,
            np.zeros(a.shape) if b.grad is None else b.grad.numpy(),
            rtol=1e-8,
            atol=1e-9,
        )


PADDING = np.array([[False] * S, [False] * (S - 1) + [True], [False, False] + [True] * (S - 2)])
MASKS = {
    "none": {},
    "causal bool": {"attn_mask": np.triu(np.ones((T, S), bool), 1)},
    "numbers": {"attn_mask": np.random.default_rng(0).standard_normal((T, S))},
    "per head": {"attn_mask": np.random.default_rng(0).standard_normal((B * H, T, S))},
    "padding": {"key_padding_mask": PADDING},
    "both": {"attn_mask": np.triu(np.ones((T, S), bool), 3), "key_padding_mask": PADDING},
}


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bias": False, "batch_first": True},
        {"kdim": 6, "vdim": 7},
        {"add_bias_kv": True, "add_zero_attn": True},
    ],
)
@pytest.mark.parametrize("call", [{}, {"need_weights": False}, {"average_attn_weights": False}])
def test_multi_head_attention_computes_what_pytorch_computes(settings, masks, call):
    torch, ours, theirs = pair("MultiheadAttention", E, H, **settings)
    order = (lambda n, d: (B, n, d)) if settings.get("batch_first") else (lambda n, d: (n, B, d))
    pairs = [
        both(torch, *order(T, E)),
        both(torch, *order(S, settings.get("kdim", E)), seed=2),
        both(torch, *order(S, settings.get("vdim", E)), seed=3),
    ]
    (q, k, v), (a, b, c) = zip(*pairs)
    given, other = dict(call), dict(call)
    for name, mask in MASKS[masks].items():
        given[name], other[name] = same(torch, mask)
    compare(
        torch, ours, theirs, ours(q, k, v, **given), theirs(a, b, c, **other), [q, k, v], [a, b, c]
    )


def test_self_attention_of_one_sequence_without_batch():
    torch, ours, theirs = pair("MultiheadAttention", E, H)
    x, y = both(torch, T, E)
    compare(torch, ours, theirs, ours(x, x, x), theirs(y, y, y), [x], [y])


SETTINGS = [{}, {"batch_first": True, "norm_first": True}, {"activation": "gelu", "bias": False}]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("masked", [False, True])
def test_layers_compute_what_pytorch_computes(settings, masked):
    order = (lambda n: (B, n, E)) if settings.get("batch_first") else (lambda n: (n, B, E))
    torch, ours, theirs = pair("TransformerEncoderLayer", E, H, 10, dropout=0.0, **settings)
    x, y = both(torch, *order(S))
    mask, other = same(torch, np.triu(np.full((S, S), -math.inf), 1))
    padding, their_padding = same(torch, PADDING[[0, 1, 1]])
    given, their = (
        (
            {"src_mask": mask, "src_key_padding_mask": padding},
            {
                "src_mask": other,
                "src_key_padding_mask": torch.where(their_padding, -math.inf, 0.0).double(),
            },
        )
        if masked
        else ({}, {})
    )
    compare(torch, ours, theirs, ours(x, **given), theirs(y, **their), [x], [y])
    torch, ours, theirs = pair("TransformerDecoderLayer", E, H, 10, dropout=0.0, **settings)
    (x, y), (m, n) = both(torch, *order(T)), both(torch, *order(S), seed=2)
    mask, other = same(torch, np.triu(np.full((T, T), -math.inf), 1))
    given, their = ({"tgt_mask": mask}, {"tgt_mask": other}) if masked else ({}, {})
    compare(torch, ours, theirs, ours(x, m, **given), theirs(y, n, **their), [x, m], [y, n])


@pytest.mark.parametrize("settings", SETTINGS[:2])
def test_the_whole_model_computes_what_pytorch_computes(settings):
    order = (lambda n: (B, n, E)) if settings.get("batch_first") else (lambda n: (n, B, E))
    torch, ours, theirs = pair("Transformer", E, H, 2, 2, 10, dropout=0.0, **settings)
    (x, y), (m, n) = both(torch, *order(S)), both(torch, *order(T), seed=2)
    mask, other = (
        nn.Transformer.generate_square_subsequent_mask(T, dtype=tg.float64),
        theirs.generate_square_subsequent_mask(T, dtype=torch.float64),
    )
    assert mask.tolist() == other.tolist()
    compare(
        torch, ours, theirs, ours(x, m, tgt_mask=mask), theirs(y, n, tgt_mask=other), [x, m], [y, n]
    )


def test_gradients_agree_with_finite_differences():
    layer = nn.MultiheadAttention(4, 2, dtype=tg.float64)
    q, k = (tg.randn(n, 2, 4, dtype=tg.float64).requires_grad_() for n in (3, 2))
    assert gradcheck(lambda q, k: layer(q, k, k), [q, k])


def test_a_causal_encoder_sees_no_future():
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(E, H, 16, dropout=0.0, batch_first=True, norm_first=True),
        2,
        nn.LayerNorm(E),
    ).eval()
    x = tg.randn(2, 6, E)
    whole = encoder(x, is_causal=True)
    for n in (1, 3, 5):
        np.testing.assert_allclose(
            encoder(x[:, :n], is_causal=True).detach().array, whole[:, :n].detach().array, atol=1e-5
        )


def test_layers_of_a_stack_start_equal_and_learn_apart():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(E, H, 16), 2)
    first, second = (layer.linear1.weight for layer in encoder.layers)
    assert first is not second
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_an_activation_with_parameters_stands_where_pytorch_has_it(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (
        getattr(nn, name)(E, H, 10, activation=nn.PReLU()),
        getattr(torch.nn, name)(E, H, 10, activation=torch.nn.PReLU()),
    )
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_rotary_angles_do_not_depend_on_the_modules_dtype():
    x = tg.ones(2000, 8)
    np.testing.assert_array_equal(
        nn.RotaryEmbedding(8).half()(x).array, nn.RotaryEmbedding(8)(x).array
    )


def test_positions():
    x = tg.zeros(1, 7, 6)
    p = nn.SinusoidalPositionalEncoding(6)(x)[0].array
    t = np.arange(7)
    np.testing.assert_allclose(p[:, 2], np.sin(t / 10000 ** (2 / 6)), atol=1e-6)
    np.testing.assert_allclose(p[:, 5], np.cos(t / 10000 ** (4 / 6)), atol=1e-6)
    np.testing.assert_allclose(
        nn.SinusoidalPositionalEncoding(6, batch_first=False)(tg.zeros(7, 1, 6))[:, 0].array, p
    )
    rotary = nn.RotaryEmbedding(6)
    q, k = tg.randn(5, 6, dtype=tg.float64), tg.randn(5, 6, dtype=tg.float64)
    near, far = rotary(q) @ rotary(k).mT, rotary(q, offset=11) @ rotary(k, offset=11).mT
    # products depend on the distance only
    np.testing.assert_allclose(near.array, far.array, atol=1e-12)
    np.testing.assert_allclose(rotary(q).norm(dim=1).array, q.norm(dim=1).array)
    assert nn.LearnedPositionalEmbedding(9, 6)(x).shape == x.shape


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.MultiheadAttention(5, 2), "embed_dim must be a positive multiple"),
        (
            lambda: nn.MultiheadAttention(E, H)(
                tg.ones(T, B, E + 1), tg.ones(T, B, E), tg.ones(T, B, E)
            ),
            "must have 8, 8 and 8 features",
        ),
        (
            lambda: nn.MultiheadAttention(E, H)(
                tg.ones(T, B, E), tg.ones(T, B, E), tg.ones(T, B, E), attn_mask=tg.ones(T, T + 1)
            ),
            "attn_mask must be",
        ),
        (
            lambda: nn.MultiheadAttention(E, H)(
                tg.ones(T, B, E),
                tg.ones(T, B, E),
                tg.ones(T, B, E),
                key_padding_mask=tg.ones(B, T, dtype=tg.int64),
            ),
            "masks must be bool",
        ),
        (lambda: nn.TransformerEncoderLayer(E, H, activation="tanhh"), "activation must be"),
        (
            lambda: nn.Transformer(E, H, 1, 1)(tg.ones(T, B, E), tg.ones(T, B + 1, E)),
            "one batch size",
        ),
        (
            lambda: nn.SinusoidalPositionalEncoding(E, max_len=3)(tg.ones(B, 4, E)),
            "at most max_len=3",
        ),
    ],
)
def test_bad_input_is_refused_with_what_to_do(call, message):
    with pytest.raises(tg.ShapeError if "bool" not in message else tg.DTypeError, match=message):
        call()


@pytest.mark.parametrize("n", [2**31, -1])
def test_a_number_of_layers_that_nobody_means_is_refused(n):
    layer = nn.TransformerEncoderLayer(4, 2)
    with pytest.raises(tg.ShapeError, match="num_layers must be from 0 to"):
        nn.TransformerEncoder(layer, n)
    with pytest.raises(tg.ShapeError, match="num_layers must be from 0 to"):
        nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2), n)


@pytest.mark.parametrize("activation", ["relu", "gelu", nn.functional.silu])
def test_a_pickled_layer_computes_the_same(activation):
    layer = nn.TransformerEncoderLayer(E, H, 16, activation=activation).eval()
    other = pickle.loads(pickle.dumps(layer))
    x = tg.randn(T, B, E)
    assert (other(x) == layer(x)).all()
