"""Launchers of kernels/lstm_sequence.cu, gru_sequence.cu and rnn_sequence.cu: T steps of B
sequences and H units in float32, one or two launches a step.
"""

from __future__ import annotations

from ..rungs import kernel
from .shapes import ceil_div, float32

MOST = 2**31 - 1024


def takes(gx, states, w_hh, gates, *others):
    """All float32, of the sizes that belong together, with something in them."""
    return (
        float32(gx, *states, w_hh, *others)
        and gx.ndim == 3
        and all(s.ndim == 2 and s.shape == states[0].shape for s in states)
        and gx.size > 0
        and gx.shape[1] * gx.shape[2] < MOST
        and gx.shape[1:] == (states[0].shape[0], gates * states[0].shape[1])
        and w_hh.shape == (gates * states[0].shape[1], states[0].shape[1])
    )


def per_unit(B, H):
    return (ceil_div(B * H, 128),), (128,)


def tiles(B, H):
    return (ceil_div(H, 16), ceil_div(B, 16)), (16, 16)


def weight_gradient(fn, dz, h0, states):
    """dz^T times the states that went in, h0 before the others: (gates H, H)."""
    F, rows = fn.device.F, dz.shape[-1]
    found = F.matmul(dz[0].T, h0)
    return (
        found
        if dz.shape[0] == 1
        else F.add(
            found, F.matmul(dz[1:].reshape(-1, rows).T, states[:-1].reshape(-1, h0.shape[-1]))
        )
    )


# ---- LSTM ----


def takes_lstm(gx, h0, c0, w_hh):
    return takes(gx, (h0, c0), w_hh, 4)


@kernel("lstm_sequence_1_cell", supports=takes_lstm)
def lstm_sequence_1_cell(fn, gx, h0, c0, w_hh):
    gx, h0, c0 = map(fn.contiguous, (gx, h0, c0))
    T, (B, H) = gx.shape[0], h0.shape
    out, gates = fn.empty((2, T, B, H), gx), fn.empty((T, 4, B, H), gx)
    for t in range(T):
        product = fn.device.F.matmul(out[0, t - 1] if t else h0, w_hh.T)
        fn(*per_unit(B, H), (out, gates, gx, product, c0, t, T, B, H))
    return out, gates


@kernel(
    "lstm_sequence_2_fused",
    supports=lambda gx, h0, c0, w_hh: takes_lstm(gx, h0, c0, w_hh) and h0.shape[0] <= 128,
)
def lstm_sequence_2_fused(fn, gx, h0, c0, w_hh):
    gx, h0, c0, w_hh = map(fn.contiguous, (gx, h0, c0, w_hh))
    T, (B, H) = gx.shape[0], h0.shape
    out, gates = fn.empty((2, T, B, H), gx), fn.empty((T, 4, B, H), gx)
    for t in range(T):
        fn(*tiles(B, H), (out, gates, gx, w_hh, h0, c0, t, T, B, H))
    return out, gates


@kernel(
    "lstm_sequence_backward_1_cell",
    supports=lambda g, h0, c0, w_hh, out, gates: (
        float32(g, h0, c0, w_hh, out, gates)
        and out.size > 0
        and gates.shape[2] * gates.shape[3] * 4 < MOST
    ),
)
def lstm_sequence_backward_1_cell(fn, g, h0, c0, w_hh, out, gates):
    g, h0, c0, out, gates = map(fn.contiguous, (g, h0, c0, out, gates))
    T, B, H = out.shape[1:]
    dz, dc, dh = fn.empty((T, B, 4 * H), out), fn.empty((B, H), out), None
    dc.fill(0)
    for t in reversed(range(T)):
        fn(*per_unit(B, H), (dz, dc, g, dh, out, gates, c0, t, T, B, H))
        dh = fn.device.F.matmul(dz[t], w_hh)
    return dz, dh, dc, weight_gradient(fn, dz, h0, out[0])


# ---- GRU ----


def takes_gru(gx, h0, w_hh, b_hh):
    return takes(gx, (h0,), w_hh, 3, b_hh) and (b_hh is None or b_hh.shape == w_hh.shape[:1])


def gru_arrays(fn, gx, h0):
    (T, B, _), H = gx.shape, h0.shape[1]
    return fn.empty((T, B, H), gx), fn.empty((T, 3, B, H), gx), fn.empty((T, B, H), gx)


@kernel("gru_sequence_1_cell", supports=takes_gru)
def gru_sequence_1_cell(fn, gx, h0, w_hh, b_hh=None):
    gx, h0, F, (B, H) = fn.contiguous(gx), fn.contiguous(h0), fn.device.F, h0.shape
    out, gates, hn = gru_arrays(fn, gx, h0)
    for t in range(gx.shape[0]):
        product = F.matmul(out[t - 1] if t else h0, w_hh.T)
        fn(
            *per_unit(B, H),
            (out, gates, hn, gx, product if b_hh is None else F.add(product, b_hh), h0, t, B, H),
        )
    return out, gates, hn


@kernel(
    "gru_sequence_2_fused",
    supports=lambda gx, h0, w_hh, b_hh: takes_gru(gx, h0, w_hh, b_hh) and h0.shape[0] <= 128,
)
def gru_sequence_2_fused(fn, gx, h0, w_hh, b_hh=None):
    gx, h0, w_hh = map(fn.contiguous, (gx, h0, w_hh))
    b_hh, (B, H) = None if b_hh is None else fn.contiguous(b_hh), h0.shape
    out, gates, hn = gru_arrays(fn, gx, h0)
    for t in range(gx.shape[0]):
        fn(*tiles(B, H), (out, gates, hn, gx, w_hh, b_hh, h0, t, B, H))
    return out, gates, hn


@kernel(
    "gru_sequence_backward_1_cell",
    supports=lambda g, h0, w_hh, out, gates, hn: (
        float32(g, h0, w_hh, out, gates, hn)
        and out.size > 0
        and gates.shape[2] * gates.shape[3] * 3 < MOST
    ),
)
def gru_sequence_backward_1_cell(fn, g, h0, w_hh, out, gates, hn):
    g, h0, out, gates, hn = map(fn.contiguous, (g, h0, out, gates, hn))
    F, (T, B, H) = fn.device.F, out.shape
    dgx, db, carried, dh = (
        fn.empty((T, B, 3 * H), out),
        fn.empty((T, B, 3 * H), out),
        fn.empty((B, H), out),
        None,
    )
    carried.fill(0)
    for t in reversed(range(T)):
        fn(*per_unit(B, H), (dgx, db, carried, g, dh, out, gates, hn, h0, t, B, H))
        dh = F.matmul(db[t], w_hh)
    return (
        dgx,
        F.add(carried, dh),
        weight_gradient(fn, db, h0, out),
        F.sum(db.reshape(-1, 3 * H), 0),
    )


# ---- the simple recurrent network ----


def takes_rnn(gx, h0, w_hh, nonlinearity):
    return takes(gx, (h0,), w_hh, 1) and nonlinearity in ("tanh", "relu")


@kernel("rnn_sequence_1_cell", supports=takes_rnn)
def rnn_sequence_1_cell(fn, gx, h0, w_hh, nonlinearity="tanh"):
    gx, h0, (B, H) = fn.contiguous(gx), fn.contiguous(h0), h0.shape
    out = fn.empty(gx.shape, gx)
    for t in range(gx.shape[0]):
        fn(
            *per_unit(B, H),
            (
                out,
                gx,
                fn.device.F.matmul(out[t - 1] if t else h0, w_hh.T),
                t,
                B,
                H,
                int(nonlinearity == "relu"),
            ),
        )
    return out


@kernel(
    "rnn_sequence_2_fused",
    supports=lambda gx, h0, w_hh, nonlinearity: (
        takes_rnn(gx, h0, w_hh, nonlinearity) and h0.shape[0] <= 128
    ),
)
def rnn_sequence_2_fused(fn, gx, h0, w_hh, nonlinearity="tanh"):
    gx, h0, w_hh = map(fn.contiguous, (gx, h0, w_hh))
    B, H = h0.shape
    out = fn.empty(gx.shape, gx)
    for t in range(gx.shape[0]):
        fn(*tiles(B, H), (out, gx, w_hh, h0, t, B, H, int(nonlinearity == "relu")))
    return out


@kernel(
    "rnn_sequence_backward_1_cell",
    supports=lambda g, h0, w_hh, out: float32(g, h0, w_hh, out) and out.size > 0 and h0.size < MOST,
)
def rnn_sequence_backward_1_cell(fn, g, h0, w_hh, out, nonlinearity):
    g, h0, out = map(fn.contiguous, (g, h0, out))
    B, H = h0.shape
    slopes, dh = fn.empty(out.shape, out), None
    for t in reversed(range(out.shape[0])):
        fn(*per_unit(B, H), (slopes, g, dh, out, t, B, H, int(nonlinearity == "relu")))
        dh = fn.device.F.matmul(slopes[t], w_hh)
    return slopes, dh, weight_gradient(fn, slopes, h0, out)
