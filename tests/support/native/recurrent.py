"""Arguments of kernels/lstm_sequence.cpp, gru_sequence.cpp and rnn_sequence.cpp."""

from __future__ import annotations

import math

import tinygrad_edu as tg
from tinygrad_edu.engine.device import cpu

from . import draws, normal


@draws("lstm_sequence")
def drawn_lstm(g):
    return sequence(g, 4)


def sequence(g, gates):
    T, B, H = g.integers(1, 6), g.integers(1, 9), g.integers(1, 40)
    gx, state = normal(g, T, B, gates * H), [normal(g, B, H) for _ in range(gates - 2)]
    weight = normal(g, gates * H, H) / math.sqrt(H)
    return (gx, *state[: 2 if gates == 4 else 1], weight)


@draws("gru_sequence")
def drawn_gru(g):
    gx, h0, weight = sequence(g, 3)
    return (gx, h0, weight, normal(g, weight.shape[0]) if g.random() < 0.5 else None)


@draws("lstm_sequence_backward")
def drawn_lstm_backward(g):
    gx, h0, c0, w = drawn_lstm(g)
    with tg.use_kernel(lstm_sequence=0):
        out, gates = cpu.F.lstm_sequence(gx, h0, c0, w)
    return (normal(g, *out.shape), h0, c0, w, out, gates)


@draws("gru_sequence_backward")
def drawn_gru_backward(g):
    gx, h0, w, b = drawn_gru(g)
    with tg.use_kernel(gru_sequence=0):
        out, gates, hn = cpu.F.gru_sequence(gx, h0, w, b)
    return (normal(g, *out.shape), h0, w, out, gates, hn)


@draws("rnn_sequence")
def drawn_rnn(g):
    gx, h0, c0, weight = sequence(g, 4)
    H = h0.shape[1]
    return (gx[..., :H].copy(), h0, weight[:H].copy(), str(g.choice(["tanh", "relu"])))


@draws("rnn_sequence_backward")
def drawn_rnn_backward(g):
    gx, h0, w, kind = drawn_rnn(g)
    with tg.use_kernel(rnn_sequence=0):
        out = cpu.F.rnn_sequence(gx, h0, w, kind)
    return (normal(g, *out.shape), h0, w, out, kind)
