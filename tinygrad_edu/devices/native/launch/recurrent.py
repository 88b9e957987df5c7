"""Launchers of kernels/lstm_sequence.cpp, gru_sequence.cpp and rnn_sequence.cpp, in float32."""

from __future__ import annotations

from ...launch.shapes import float32
from ..rungs import native


def gradient_of_weight(z, before):
    """sum over steps and batch of z (T, B, G) times the state before (T, B, H): (G, H)."""
    return z.reshape(-1, z.shape[-1]).T @ before.reshape(-1, before.shape[-1])


def before(fn, h0, out):
    """The state before each step."""
    states = fn.empty(out.shape, out)
    states[0], states[1:] = h0, out[:-1]
    return states


# ---- lstm ----------------------------------------------------------------------------------------


def takes_lstm(gx, h0, c0, w_hh):
    return float32(gx, h0, c0, w_hh) and gx.size > 0


def lstm(fn, gx, h0, c0, w_hh):
    gx, h0, c0, w_hh = map(fn.contiguous, (gx, h0, c0, w_hh))
    T, (B, H) = gx.shape[0], h0.shape
    out, gates = fn.empty((2, T, B, H), gx), fn.empty((T, 4, B, H), gx)
    fn(out, gates, gx, h0, c0, w_hh, T, B, H)
    return out, gates


@native("lstm_sequence_1_naive", supports=takes_lstm)
def lstm_sequence_1_naive(fn, gx, h0, c0, w_hh):
    return lstm(fn, gx, h0, c0, w_hh)


@native("lstm_sequence_2_fused", supports=takes_lstm)
def lstm_sequence_2_fused(fn, gx, h0, c0, w_hh):
    return lstm(fn, gx, h0, c0, w_hh)


def takes_lstm_backward(g, h0, c0, w_hh, out, gates):
    return float32(g, h0, c0, w_hh, out, gates) and g.size > 0


def lstm_backward(fn, g, h0, c0, w_hh, out, gates):
    g, c0, w_hh, out, gates = map(fn.contiguous, (g, c0, w_hh, out, gates))
    T, B, H = out.shape[1:]
    dz, dh, dc = (fn.empty(s, g) for s in ((T, B, 4 * H), (B, H), (B, H)))
    fn(dz, dh, dc, g, c0, w_hh, out, gates, T, B, H)
    return dz, dh, dc, gradient_of_weight(dz, before(fn, h0, out[0]))


@native("lstm_sequence_backward_1_naive", supports=takes_lstm_backward)
def lstm_sequence_backward_1_naive(fn, g, h0, c0, w_hh, out, gates):
    return lstm_backward(fn, g, h0, c0, w_hh, out, gates)


@native("lstm_sequence_backward_2_fused", supports=takes_lstm_backward)
def lstm_sequence_backward_2_fused(fn, g, h0, c0, w_hh, out, gates):
    return lstm_backward(fn, g, h0, c0, w_hh, out, gates)


# ---- gru -----------------------------------------------------------------------------------------


def takes_gru(gx, h0, w_hh, b_hh):
    return float32(gx, h0, w_hh, b_hh) and gx.size > 0


def gru(fn, gx, h0, w_hh, b_hh):
    gx, h0, w_hh = map(fn.contiguous, (gx, h0, w_hh))
    bias = None if b_hh is None else fn.contiguous(b_hh)
    T, (B, H) = gx.shape[0], h0.shape
    out, gates, hn = (fn.empty(s, gx) for s in ((T, B, H), (T, 3, B, H), (T, B, H)))
    fn(out, gates, hn, gx, h0, w_hh, bias, T, B, H)
    return out, gates, hn


@native("gru_sequence_1_naive", supports=takes_gru)
def gru_sequence_1_naive(fn, gx, h0, w_hh, b_hh=None):
    return gru(fn, gx, h0, w_hh, b_hh)


@native("gru_sequence_2_fused", supports=takes_gru)
def gru_sequence_2_fused(fn, gx, h0, w_hh, b_hh=None):
    return gru(fn, gx, h0, w_hh, b_hh)


def takes_gru_backward(g, h0, w_hh, out, gates, hn):
    return float32(g, h0, w_hh, out, gates, hn) and g.size > 0


def gru_backward(fn, g, h0, w_hh, out, gates, hn):
    g, h0, w_hh, out, gates, hn = map(fn.contiguous, (g, h0, w_hh, out, gates, hn))
    T, B, H = out.shape
    dgx, db, dh = (fn.empty(s, g) for s in ((T, B, 3 * H), (T, B, 3 * H), (B, H)))
    fn(dgx, db, dh, g, h0, w_hh, out, gates, hn, T, B, H)
    return dgx, dh, gradient_of_weight(db, before(fn, h0, out)), db.reshape(-1, 3 * H).sum(0)


@native("gru_sequence_backward_1_naive", supports=takes_gru_backward)
def gru_sequence_backward_1_naive(fn, g, h0, w_hh, out, gates, hn):
    return gru_backward(fn, g, h0, w_hh, out, gates, hn)


@native("gru_sequence_backward_2_fused", supports=takes_gru_backward)
def gru_sequence_backward_2_fused(fn, g, h0, w_hh, out, gates, hn):
    return gru_backward(fn, g, h0, w_hh, out, gates, hn)


# ---- simple recurrent network --------------------------------------------------------------------


def takes_rnn(gx, h0, w_hh, nonlinearity):
    return float32(gx, h0, w_hh) and gx.size > 0 and nonlinearity in ("tanh", "relu")


def rnn(fn, gx, h0, w_hh, nonlinearity):
    gx, h0, w_hh = map(fn.contiguous, (gx, h0, w_hh))
    out = fn.empty(gx.shape, gx)
    fn(out, gx, h0, w_hh, *gx.shape, nonlinearity == "relu")
    return out


@native("rnn_sequence_1_naive", supports=takes_rnn)
def rnn_sequence_1_naive(fn, gx, h0, w_hh, nonlinearity="tanh"):
    return rnn(fn, gx, h0, w_hh, nonlinearity)


@native("rnn_sequence_2_fused", supports=takes_rnn)
def rnn_sequence_2_fused(fn, gx, h0, w_hh, nonlinearity="tanh"):
    return rnn(fn, gx, h0, w_hh, nonlinearity)


def takes_rnn_backward(g, h0, w_hh, out):
    return float32(g, h0, w_hh, out) and g.size > 0


def rnn_backward(fn, g, h0, w_hh, out, nonlinearity):
    g, w_hh, out = map(fn.contiguous, (g, w_hh, out))
    dz, dh = fn.empty(out.shape, g), fn.empty(h0.shape, g)
    fn(dz, dh, g, w_hh, out, *out.shape, nonlinearity == "relu")
    return dz, dh, gradient_of_weight(dz, before(fn, h0, out))


@native("rnn_sequence_backward_1_naive", supports=takes_rnn_backward)
def rnn_sequence_backward_1_naive(fn, g, h0, w_hh, out, nonlinearity):
    return rnn_backward(fn, g, h0, w_hh, out, nonlinearity)


@native("rnn_sequence_backward_2_fused", supports=takes_rnn_backward)
def rnn_sequence_backward_2_fused(fn, g, h0, w_hh, out, nonlinearity):
    return rnn_backward(fn, g, h0, w_hh, out, nonlinearity)
