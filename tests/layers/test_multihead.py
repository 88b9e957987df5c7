"""nn.functional.multi_head_attention_forward beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

T, S, B, E, H = 3, 4, 2, 6, 2

MASK = np.triu(np.ones((T, S), bool), 2)
PADDING = np.array([[False, False, True, False], [False, False, False, True]])
CALLS = {
    "packed": {},
    "separate": {"use_separate_proj_weight": True},
    "no weights": {"need_weights": False, "attn_mask": MASK},
    "masks": {"attn_mask": MASK, "key_padding_mask": PADDING},
    "a mask a head": {"attn_mask": np.linspace(-1, 1, B * H * T * S).reshape(B * H, T, S)},
    "more keys": {"bias_k": 1, "add_zero_attn": True, "key_padding_mask": PADDING},
    "each head's weights": {"average_attn_weights": False},
    "given keys": {"static_k": 1, "static_v": 1},
}


def run(lib, settings):
    """The output, the weights and the gradients of all inputs."""
    rng, leaves = np.random.default_rng(0), []

    def drawn(*shape):
        leaves.append(lib.tensor(rng.normal(size=shape)).requires_grad_())
        return leaves[-1]

    settings = dict(settings)
    query, key, value = drawn(T, B, E), drawn(S, B, E), drawn(S, B, E)
    separate = settings.get("use_separate_proj_weight", False)
    packed = None if separate else drawn(3 * E, E)
    more = [drawn(1, 1, E), drawn(1, 1, E)] if settings.pop("bias_k", None) else [None, None]
    zero = settings.pop("add_zero_attn", False)
    if separate:
        settings |= {f"{name}_proj_weight": drawn(E, E) for name in "qkv"}
    for name in ("static_k", "static_v"):
        if name in settings:
            settings[name] = drawn(B * H, S, E // H)
    for name in ("attn_mask", "key_padding_mask"):
        if name in settings:
            settings[name] = lib.tensor(settings[name])
    weights = (packed, drawn(3 * E), *more, zero, 0.0, drawn(E, E), drawn(E))
    out, shares = lib.nn.functional.multi_head_attention_forward(
        query, key, value, E, H, *weights, **settings
    )
    loss = (out * out).sum()
    (loss if shares is None else loss + (shares * shares).sum()).backward()
    grads = [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in leaves]
    return [out.detach().numpy(), None if shares is None else shares.detach().numpy(), *grads]


@pytest.mark.parametrize("name", CALLS)
def test_multi_head_attention_forward_computes_what_pytorch_computes(name):
    torch = pytest.importorskip("torch")
    for ours, theirs in zip(run(tg, CALLS[name]), run(torch, CALLS[name]), strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def forward(*inputs, **settings):
    weights = {"in_proj_weight": tg.ones(3 * E, E), "bias_k": None} | settings
    return tg.nn.functional.multi_head_attention_forward(
        *inputs,
        E,
        H,
        in_proj_bias=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=tg.ones(E, E),
        out_proj_bias=None,
        **weights,
    )


@pytest.mark.parametrize(
    ("shapes", "settings", "message"),
    [
        (((T, B, E + 1), (S, B, E)), {}, "must have 6 features"),
        (((T, B, E), (S, B + 1, E)), {}, "one batch size"),
        (((T, E), (S, B, E)), {}, "all be 3-d, or all 2-d"),
        (((T, B, E), (S, B, E)), {"in_proj_weight": None}, "needs in_proj_weight"),
        (((T, B, E), (S, B, E)), {"bias_k": tg.ones(1, 1, E)}, "given together"),
        (((T, B, E), (S, B, E)), {"static_k": tg.ones(B, S, E)}, "static_k and static_v must be"),
        (((T, B, E), (S, B, E)), {"attn_mask": tg.ones(T, T)}, "attn_mask must be"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_shapes(shapes, settings, message):
    query, key = (tg.ones(*shape) for shape in shapes)
    with pytest.raises(ValueError, match=rf"multi_head_attention_forward: .*{message}"):
        forward(query, key, key, **settings)
