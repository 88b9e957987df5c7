"""The workloads of models.py in JAX: the same mathematics from the same weights, under the names by
which workloads.py saves them. A step (forward, backward, clip, optimiser) is one jitted function.

Running means of batch norm are not kept: the losses do not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn
from workloads import CHARACTERS, SHAPES

Weights = dict[str, Any]


# ---- layers; `at` is the name of the layer, and its weights begin with it -----------------------


def linear(w: Weights, at: str, x: Any) -> Any:
    return x @ w[f"{at}.weight"].T + w[f"{at}.bias"]


def conv(w: Weights, at: str, x: Any, stride: int = 1, padding: int = 0) -> Any:
    sizes = ((stride, stride), [(padding, padding)] * 2)
    y = lax.conv_general_dilated(
        x, w[f"{at}.weight"], *sizes, dimension_numbers=("NCHW", "OIHW", "NCHW")
    )
    bias = w.get(f"{at}.bias")
    return y if bias is None else y + bias[:, None, None]


def pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def batch_norm(w: Weights, at: str, x: Any) -> Any:
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    scale, shift = (w[f"{at}.{part}"][:, None, None] for part in ("weight", "bias"))
    return (x - mean) * lax.rsqrt(var + 1e-5) * scale + shift


def layer_norm(w: Weights, at: str, x: Any) -> Any:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * w[f"{at}.weight"] + w[f"{at}.bias"]


def attend(q: Any, k: Any, v: Any, allowed: Any = None) -> Any:
    """(B, heads, T, d); `allowed` is False where a key must not be seen."""
    scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
    if allowed is not None:
        scores = jnp.where(allowed, scores, -jnp.inf)
    return nn.softmax(scores, -1) @ v


def heads(x: Any) -> Any:
    B, T, _ = x.shape
    return x.reshape(B, T, 4, 32).swapaxes(1, 2)


def joined(x: Any) -> Any:
    B, _, T, _ = x.shape
    return x.swapaxes(1, 2).reshape(B, T, 128)


# ---- models: (weights, input) -> scores, a row for each prediction -------------------------------


def mlp(w: Weights, x: Any) -> Any:
    names = sorted({name.split(".")[0] for name in w}, key=int)
    for name in names[:-1]:
        x = nn.relu(linear(w, name, x))
    return linear(w, names[-1], x)


def mnist(w: Weights, x: Any) -> Any:
    x = pool(nn.relu(conv(w, "2", nn.relu(conv(w, "0", x)))))
    return linear(w, "8", nn.relu(linear(w, "6", x.reshape(len(x), -1))))


def pooled(w: Weights, x: Any) -> Any:
    x = pool(nn.relu(conv(w, "0", x, padding=1)))
    x = pool(nn.relu(conv(w, "3", x, padding=1)))
    return linear(w, "7", x.reshape(len(x), -1))


def residual(w: Weights, x: Any) -> Any:
    x = nn.relu(batch_norm(w, "1", conv(w, "0", x, padding=1)))
    for at, stride in (("3", 1), ("4", 2), ("5", 2)):
        y = nn.relu(batch_norm(w, f"{at}.norms.0", conv(w, f"{at}.first", x, stride, 1)))
        y = batch_norm(w, f"{at}.norms.1", conv(w, f"{at}.second", y, 1, 1))
        x = nn.relu(y + (conv(w, f"{at}.way", x, stride) if stride > 1 else x))
    return linear(w, "8", x.mean((2, 3)))


def lstm_cell(w: Weights, state: Any, gates: Any) -> Any:
    h, c = state
    gates = gates + h @ w["cell.weight_hh_l0"].T + w["cell.bias_hh_l0"]
    i, f, g, o = jnp.split(gates, 4, -1)
    c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
    h = nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def gru_cell(w: Weights, state: Any, gates: Any) -> Any:
    (h,) = state
    i_r, i_z, i_n = jnp.split(gates, 3, -1)
    h_r, h_z, h_n = jnp.split(h @ w["cell.weight_hh_l0"].T + w["cell.bias_hh_l0"], 3, -1)
    n = jnp.tanh(i_n + nn.sigmoid(i_r + h_r) * h_n)
    z = nn.sigmoid(i_z + h_z)
    h = (1 - z) * n + z * h
    return (h,), h


def recurrent(cell: Callable, states: int, w: Weights, tokens: Any) -> Any:
    gates = w["table.weight"][tokens] @ w["cell.weight_ih_l0"].T + w["cell.bias_ih_l0"]
    start = (jnp.zeros((len(tokens), 128)),) * states
    _, out = lax.scan(partial(cell, w), start, gates.swapaxes(0, 1))
    return linear(w, "out", out.swapaxes(0, 1)).reshape(-1, 65)


def gpt_layer(w: Weights, at: str, x: Any, attention: Callable) -> Any:
    q, k, v = map(heads, jnp.split(linear(w, f"{at}.qkv", layer_norm(w, f"{at}.first", x)), 3, -1))
    x = x + linear(w, f"{at}.out", joined(attention(q, k, v)))
    up = nn.gelu(linear(w, f"{at}.up", layer_norm(w, f"{at}.second", x)), approximate=False)
    return x + linear(w, f"{at}.down", up)


def gpt(w: Weights, tokens: Any) -> Any:
    T = tokens.shape[1]
    causal = jnp.tri(T, dtype=bool)
    x = w["table.weight"][tokens] + w["places.weight"][:T]
    for i in range(4):
        x = gpt_layer(w, f"layers.{i}", x, partial(attend, allowed=causal))
    return linear(w, "out", layer_norm(w, "norm", x)).reshape(-1, 65)


def multihead(w: Weights, at: str, x: Any, memory: Any, allowed: Any = None) -> Any:
    weights = jnp.split(w[f"{at}.in_proj_weight"], 3)
    biases = jnp.split(w[f"{at}.in_proj_bias"], 3)
    q, k, v = (heads(a @ m.T + b) for a, m, b in zip((x, memory, memory), weights, biases))
    return linear(w, f"{at}.out_proj", joined(attend(q, k, v, allowed)))


def feed_forward(w: Weights, at: str, x: Any) -> Any:
    return linear(w, f"{at}.linear2", nn.relu(linear(w, f"{at}.linear1", x)))


def translator(w: Weights, tokens: Any) -> Any:
    x = memory = w["table.weight"][tokens]
    causal = jnp.tri(tokens.shape[1], dtype=bool)
    for i in range(2):
        at = f"body.encoder.layers.{i}"
        y = multihead(w, f"{at}.self_attn", memory, memory)
        memory = layer_norm(w, f"{at}.norm1", memory + y)
        memory = layer_norm(w, f"{at}.norm2", memory + feed_forward(w, at, memory))
    memory = layer_norm(w, "body.encoder.norm", memory)
    for i in range(2):
        at = f"body.decoder.layers.{i}"
        x = layer_norm(w, f"{at}.norm1", x + multihead(w, f"{at}.self_attn", x, x, causal))
        x = layer_norm(w, f"{at}.norm2", x + multihead(w, f"{at}.multihead_attn", x, memory))
        x = layer_norm(w, f"{at}.norm3", x + feed_forward(w, at, x))
    return linear(w, "out", layer_norm(w, "body.decoder.norm", x)).reshape(-1, 65)


@jax.jit
def generate(w: Weights) -> Any:
    """200 tokens with caches of a fixed size, all in one function; the mean of the last scores."""

    def decode(carry: Any, at: Any) -> Any:
        token, caches = carry
        new = []

        def attention(q: Any, k: Any, v: Any) -> Any:
            kept = [
                lax.dynamic_update_slice(cache, part, (0, 0, at, 0))
                for cache, part in zip(caches[len(new)], (k, v))
            ]
            new.append(kept)
            return attend(q, *kept, jnp.arange(200) <= at)

        x = (w["table.weight"][token] + w["places.weight"][at])[None, None]
        for i in range(4):
            x = gpt_layer(w, f"layers.{i}", x, attention)
        scores = linear(w, "out", layer_norm(w, "norm", x)).reshape(65)
        return (scores.argmax().astype(jnp.int32), new), scores

    caches = [[jnp.zeros((1, 4, 200, 32))] * 2 for _ in range(4)]
    _, scores = lax.scan(decode, (jnp.int32(0), caches), jnp.arange(200))
    return jnp.square(scores[-1]).mean()


MODELS = {
    "b": mnist,
    "c": pooled,
    "d": mlp,
    "e": partial(recurrent, lstm_cell, 2),
    "f": gpt,
    "g": translator,
    "j": residual,
    "k": partial(recurrent, gru_cell, 1),
    "n": mlp,
}


# ---- a step of training --------------------------------------------------------------------------


def clipped(grads: Weights) -> Weights:
    norm = jnp.sqrt(sum(jnp.square(g).sum() for g in grads.values()))
    scale = jnp.minimum(1.0, 1.0 / (norm + 1e-6))
    return {k: g * scale for k, g in grads.items()}


def sgd(w: Weights, grads: Weights, state: Any) -> tuple[Weights, Any]:
    (speed,) = state
    speed = {k: 0.9 * speed[k] + g for k, g in grads.items()}
    return {k: w[k] - 0.05 * speed[k] for k in w}, (speed,)


def adamw(w: Weights, grads: Weights, state: Any) -> tuple[Weights, Any]:
    first, second, steps = state
    steps = steps + 1
    first = {k: 0.9 * first[k] + 0.1 * g for k, g in grads.items()}
    second = {k: 0.999 * second[k] + 0.001 * g * g for k, g in grads.items()}
    rate, root = 1e-3 / (1 - 0.9**steps), jnp.sqrt(1 - 0.999**steps)
    new = {
        k: v * (1 - 1e-3 * 1e-2) - rate * first[k] / (jnp.sqrt(second[k]) / root + 1e-8)
        for k, v in w.items()
    }
    return new, (first, second, steps)


def training(name: str, weights: Weights) -> Callable[[], Any]:
    rng, shape = np.random.default_rng(0), SHAPES[name]
    if name in CHARACTERS:
        x = rng.integers(0, 65, shape)
        y = jnp.asarray(np.roll(x, -1, 1).reshape(-1))
    else:
        x = rng.standard_normal(shape, dtype=np.float32)
        y = jnp.asarray(rng.integers(0, 10, shape[0]))
    x = jnp.asarray(x)

    def loss_of(w: Weights) -> Any:
        scores = nn.log_softmax(MODELS[name](w, x), -1)
        return -jnp.take_along_axis(scores, y[:, None], 1).mean()

    @jax.jit
    def update(w: Weights, state: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(w)
        grads = clipped(grads) if name in "ef" else grads
        return loss, *(adamw if name in "fg" else sgd)(w, grads, state)

    zeros = {k: jnp.zeros_like(v) for k, v in weights.items()}
    now = [weights, (zeros, zeros, 0) if name in "fg" else (zeros,)]

    def step() -> Any:
        loss, *now[:] = update(*now)
        return loss

    return step


def trainer(name: str, weights: Path) -> Callable[[], Any]:
    """One step of the workload, from the weights in the file."""
    if name == "a":

        @jax.jit
        def tiny(x: Any, w: Any) -> Any:
            y = x
            for _ in range(20):
                y = y * w + x
            return y.sum()

        both = jax.jit(jax.value_and_grad(tiny, (0, 1)))
        numbers = jnp.arange(16) * 0.1
        return lambda: both(numbers, numbers)[0]
    with np.load(weights) as found:
        names = [
            k for k in found.files if "running" not in k and "tracked" not in k and k != "mask"
        ]
        w = {k: jnp.asarray(found[k]) for k in names}
    return (lambda: generate(w)) if name == "h" else training(name, w)
