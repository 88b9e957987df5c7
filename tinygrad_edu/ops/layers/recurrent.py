"""Recurrent layers: one op runs over a whole sequence, and its backward runs back through time.

Each op takes the input's share of the gates, `gx = x W_ih^T + b`, which one matrix product computes
for all steps, and does only what must be done step by step. T steps, B sequences, H hidden units.
The reference of each op computes the same with small ops.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case, Sample, positive
from ...engine.composite import composite
from ...engine.dtype import check_float
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor


def blocks(z, n):
    """(B, n H) seen as n gates (n, B, H), no copy.

    Whole gates are kept apart in memory: ufuncs then run over contiguous numbers, twice as fast.
    """
    return z.reshape(z.shape[0], n, z.shape[1] // n).swapaxes(0, 1)


def sigmoid(xp, x, out):
    """1 / (1 + e^-x): NumPy's exp takes half as long as its tanh. 0 where e^-x is too large."""
    xp.negative(x, out=out)
    xp.exp(out, out=out)
    out += 1
    xp.divide(1, out, out=out)


def check_state(name, gates, state, n):
    check_float(name, gates)
    if gates.shape[-1] != n * state.shape[-1] or tuple(gates.shape[:-1]) != tuple(state.shape[:-1]):
        raise ShapeError(
            f"{name}: weights must make {n} gates of the state's shape {tuple(state.shape)}, got"
            f" {tuple(gates.shape)}. Check w_ih and w_hh."
        )


def weight_gradient(xp, dq, before):
    """d W_hh from the cotangents (T, B, n H) of W_hh h and the h (T, B, H) that went in."""
    return xp.matmul(dq.reshape(-1, dq.shape[-1]).T, before.reshape(-1, before.shape[-1]))


def earlier(xp, first, states):
    """The state before each step."""
    return xp.concatenate([first[None], states[:-1]])


# ---- LSTM ----------------------------------------------------------------------------------------


def lstm_step(F, gates, c):
    """(h, c) after one step, from the gates before their functions."""
    check_state("lstm_cell", gates, c, 4)
    i, f, new, o = F.chunk(gates, 4, -1)
    c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(new)
    return F.sigmoid(o) * F.tanh(c), c


def lstm_reference(F, gx, h0, c0, w_hh):
    h, c, hs, cs = h0, c0, [], []
    for t in range(gx.shape[0]):
        h, c = lstm_step(F, gx[t] + F.matmul(h, F.transpose(w_hh, 0, 1)), c)
        hs.append(h)
        cs.append(c)
    return F.stack([F.stack(hs), F.stack(cs)])


@piece(
    residuals=("gates",),
    reference=lstm_reference,
    cases=[Case([3, 2, 8], [2, 2], [2, 2], [8, 2]), Case([1, 1, 12], [1, 3], [1, 3], [12, 3])],
)
def lstm_sequence(xp, gx: Array, h0: Array, c0: Array, w_hh: Array):
    """A long short-term memory over a sequence.

    Math:   [i, f, n, o] = gx_t + W_hh h_{t-1};   c_t = s(f) c_{t-1} + s(i) tanh(n),   h_t = s(o)
            tanh(c_t), s the sigmoid;   out = [h, c];
            dh_t = g_h + W_hh^T dz_{t+1},
            dc_t = g_c + dh_t s(o) (1 - tanh(c_t)^2) + dc_{t+1} s(f_{t+1}),
            dz = the gates' slopes times dc, dc, dc, dh
    Shape:  gx (T, B, 4 H), h0, c0 (B, H), w_hh (4 H, H), out (2, T, B, H): all h, all c
    Reference: S. Hochreiter, J. Schmidhuber, 1997, "Long short-term memory"; F. Gers et al., 2000,
               "Learning to forget"
    """
    T, (B, H), w = gx.shape[0], h0.shape, w_hh.T.copy()
    gates, out = xp.empty((T, 4, B, H), gx.dtype), xp.empty((2, T, B, H), gx.dtype)
    z, product = xp.empty((B, 4 * H), gx.dtype), xp.empty((B, H), gx.dtype)
    h, c, in_blocks = h0, c0, blocks(z, 4)
    for t in range(T):
        a, h_new, c_new = gates[t], out[0, t], out[1, t]
        xp.matmul(h, w, out=z)
        z += gx[t]
        sigmoid(xp, in_blocks[:2], out=a[:2])
        xp.tanh(in_blocks[2], out=a[2])
        sigmoid(xp, in_blocks[3], out=a[3])
        xp.multiply(a[1], c, out=c_new)
        c_new += xp.multiply(a[0], a[2], out=product)
        xp.tanh(c_new, out=h_new)
        h_new *= a[3]
        h, c = h_new, c_new
    return out, gates


@piece(
    differentiable=False,
    outputs=True,
    cases=[Case([2, 3, 2, 2], [2, 2], [2, 2], [8, 2], [2, 3, 2, 2], positive(3, 4, 2, 2))],
)
def lstm_sequence_backward(
    xp, g: Array, h0: Array, c0: Array, w_hh: Array, out: Array, gates: Array
):
    """The cotangents of gx, h0, c0 and w_hh, from the output's cotangent g, the output and the
    gates.

    Math:   see lstm_sequence
    Note:   higher orders go through the reference of lstm_sequence
    """
    T, B, H = out.shape[1:]
    dz, s = xp.empty((T, B, 4 * H), out.dtype), xp.empty((4, B, H), out.dtype)
    dh, dc, tanh_c, product = (xp.zeros((B, H), out.dtype) for _ in range(4))
    for t in range(T - 1, -1, -1):  # all of a step stays in the cache
        a, d = gates[t], blocks(dz[t], 4)
        i, f, new, o = a
        dh += g[0, t]
        dc += g[1, t]
        xp.tanh(out[1, t], out=tanh_c)
        xp.multiply(tanh_c, tanh_c, out=product)
        product *= o
        xp.subtract(o, product, out=product)  # s(o) (1 - tanh(c)^2)
        product *= dh
        dc += product
        xp.subtract(1, a, out=s)
        xp.multiply(i, new, out=product)
        s[0] *= product  # new i (1 - i)
        product *= new
        xp.subtract(i, product, out=s[2])  # i (1 - new^2)
        xp.multiply(f, out[1, t - 1] if t else c0, out=product)
        s[1] *= product  # c_{t-1} f (1 - f)
        xp.multiply(tanh_c, o, out=product)
        s[3] *= product  # tanh(c) o (1 - o)
        xp.multiply(s[:3], dc, out=d[:3])
        xp.multiply(s[3], dh, out=d[3])
        dc *= f
        xp.matmul(dz[t], w_hh, out=dh)
    return dz, dh, dc, weight_gradient(xp, dz, earlier(xp, h0, out[0]))


lstm_sequence.vjp_all(
    lambda F, g, h0, c0, w_hh, out, gates: F.lstm_sequence_backward(g, h0, c0, w_hh, out, gates)
)


# ---- GRU -----------------------------------------------------------------------------------------


def gru_step(F, x_gates, h_gates, h):
    """h after one step, from the input's and the state's share of the gates."""
    check_state("gru_cell", x_gates, h, 3)
    check_state("gru_cell", h_gates, h, 3)
    xr, xz, xn = F.chunk(x_gates, 3, -1)
    hr, hz, hn = F.chunk(h_gates, 3, -1)
    z = F.sigmoid(xz + hz)
    new = F.tanh(xn + F.sigmoid(xr + hr) * hn)
    return new + z * (h - new)


def gru_reference(F, gx, h0, w_hh, b_hh=None):
    h, hs = h0, []
    for t in range(gx.shape[0]):
        h = gru_step(F, gx[t], F.linear(h, w_hh, b_hh), h)
        hs.append(h)
    return F.stack(hs)


@piece(
    residuals=("gates", "hn"),
    reference=gru_reference,
    cases=[Case([3, 2, 6], [2, 2], [6, 2], [6]), Case([2, 1, 6], [1, 2], [6, 2])],
)
def gru_sequence(xp, gx: Array, h0: Array, w_hh: Array, b_hh: Array | None = None):
    """A gated recurrent unit over a sequence.

    Math:   [ar, az, an] = gx_t,   [br, bz, bn] = W_hh h_{t-1} + b_hh;   r = s(ar + br), z = s(az +
            bz), n = tanh(an + r bn),   h_t = (1 - z) n + z h_{t-1};
            dh_t = g + z_{t+1} dh_{t+1} + W_hh^T db_{t+1},   d an = dh (1 - z) (1 - n^2),
            d bn = r d an,   d ar = bn d an r (1 - r),   d az = dh (h_{t-1} - n) z (1 - z)
    Shape:  gx (T, B, 3 H), h0 (B, H), w_hh (3 H, H), b_hh (3 H), out (T, B, H)
    Reference: K. Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder"; the
               reset gate after the product, as PyTorch has it
    """
    T, (B, H) = gx.shape[0], h0.shape
    w, gates = w_hh.T.copy(), xp.empty((T, 3, B, H), gx.dtype)
    hn, out = xp.empty((T, B, H), gx.dtype), xp.empty((T, B, H), gx.dtype)
    share = xp.empty((B, 3 * H), gx.dtype)
    # adding a row is slower than adding a matrix
    bias = None if b_hh is None else xp.broadcast_to(b_hh, share.shape).copy()
    h, h_share = h0, blocks(share, 3)
    for t in range(T):
        xp.matmul(h, w, out=share)
        if bias is not None:
            share += bias
        x_share, new, state = blocks(gx[t], 3), gates[t, 2], out[t]
        rz = xp.add(x_share[:2], h_share[:2], out=gates[t, :2])
        sigmoid(xp, rz, out=rz)
        hn[t] = h_share[2]
        xp.multiply(rz[0], hn[t], out=new)
        new += x_share[2]
        xp.tanh(new, out=new)
        xp.subtract(h, new, out=state)
        state *= rz[1]
        state += new
        h = state
    return out, gates, hn


@piece(
    differentiable=False,
    outputs=True,
    cases=[Case([3, 2, 2], [2, 2], [6, 2], [3, 2, 2], positive(3, 3, 2, 2), [3, 2, 2])],
)
def gru_sequence_backward(
    xp, g: Array, h0: Array, w_hh: Array, out: Array, gates: Array, hn: Array
):
    """The cotangents of gx, h0, w_hh and b_hh, from the output's cotangent g, the output, the gates
    and W_hh h + b_hh of the third gate.

    Math:   see gru_sequence
    Note:   higher orders go through the reference of gru_sequence
    """
    T, B, H = out.shape
    dgx, db = xp.empty((T, B, 3 * H), out.dtype), xp.empty((T, B, 3 * H), out.dtype)
    before, s = earlier(xp, h0, out), xp.empty((2, B, H), out.dtype)
    dh, dn, product = (xp.zeros((B, H), out.dtype) for _ in range(3))
    for t in range(T - 1, -1, -1):  # all of a step stays in the cache
        d, dx = blocks(db[t], 3), blocks(dgx[t], 3)
        r, z, new = gates[t]
        dh += g[t]
        xp.subtract(1, gates[t, :2], out=s)  # 1 - r, 1 - z
        xp.multiply(new, new, out=dn)
        xp.subtract(1, dn, out=dn)
        dn *= s[1]
        dn *= dh
        s *= gates[t, :2]
        s[0] *= xp.multiply(dn, hn[t], out=product)
        xp.subtract(before[t], new, out=product)
        product *= dh
        s[1] *= product
        d[:2], dx[:2], dx[2] = s, s, dn
        xp.multiply(dn, r, out=d[2])
        xp.matmul(db[t], w_hh, out=product)
        dh *= z
        dh += product
    return dgx, dh, weight_gradient(xp, db, before), db.reshape(-1, 3 * H).sum(0)


gru_sequence.vjp_all(
    lambda F, g, h0, w_hh, out, gates, hn: F.gru_sequence_backward(g, h0, w_hh, out, gates, hn)
)


# ---- the simple recurrent network ----------------------------------------------------------------


def rnn_reference(F, gx, h0, w_hh, nonlinearity):
    h, hs, function = h0, [], F.tanh if nonlinearity == "tanh" else F.relu
    for t in range(gx.shape[0]):
        h = function(gx[t] + F.matmul(h, F.transpose(w_hh, 0, 1)))
        hs.append(h)
    return F.stack(hs)


@piece(
    reference=rnn_reference,
    cases=[Case([3, 2, 4], [2, 4], [4, 4], "tanh"), Case([2, 2, 3], [2, 3], [3, 3], "relu")],
)
def rnn_sequence(xp, gx: Array, h0: Array, w_hh: Array, nonlinearity: str = "tanh"):
    """A simple (Elman) recurrent network over a sequence.

    Math:   h_t = f(gx_t + W_hh h_{t-1}), f tanh or relu;   dh_t = g + W_hh^T dz_{t+1},   dz_t =
            dh_t f'
    Shape:  gx (T, B, H), h0 (B, H), w_hh (H, H), out (T, B, H)
    Reference: J. Elman, 1990, "Finding structure in time"
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ShapeError(
            f"rnn_sequence: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}. Choose one"
            " of them."
        )
    out, w, h = xp.empty(gx.shape, gx.dtype), w_hh.T.copy(), h0
    for t in range(gx.shape[0]):
        state = out[t]
        xp.matmul(h, w, out=state)
        state += gx[t]
        h = xp.tanh(state, out=state) if nonlinearity == "tanh" else xp.maximum(state, 0, out=state)
    return out


@piece(
    differentiable=False,
    outputs=True,
    cases=[
        Case([3, 2, 4], [2, 4], [4, 4], [3, 2, 4], "tanh"),
        Case([2, 2, 3], [2, 3], [3, 3], [2, 2, 3], "relu"),
    ],
)
def rnn_sequence_backward(xp, g: Array, h0: Array, w_hh: Array, out: Array, nonlinearity: str):
    """The cotangents of gx, h0 and w_hh, from the output's cotangent g and the output.

    Math:   see rnn_sequence
    Note:   higher orders go through the reference of rnn_sequence
    """
    slopes, dh = xp.empty(out.shape, out.dtype), xp.zeros(h0.shape, out.dtype)
    for t in range(out.shape[0] - 1, -1, -1):
        dh += g[t]
        d = slopes[t]
        if nonlinearity == "tanh":
            xp.multiply(out[t], out[t], out=d)
            xp.subtract(1, d, out=d)
        else:
            xp.greater(out[t], 0, out=d)
        d *= dh
        xp.matmul(d, w_hh, out=dh)
    return slopes, dh, weight_gradient(xp, slopes, earlier(xp, h0, out))


rnn_sequence.vjp_all(
    lambda F, g, h0, w_hh, out, nonlinearity: F.rnn_sequence_backward(
        g, h0, w_hh, out, nonlinearity
    )
)


# ---- single steps --------------------------------------------------------------------------------


@composite(
    method=False, cases=[Case([2, 3], (Sample(2, 4), Sample(2, 4)), [16, 3], [16, 4], [16], [16])]
)
def lstm_cell(
    F,
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(h, c) after one step of a long short-term memory.

    Math:   [i, f, n, o] = W_ih x + b_ih + W_hh h + b_hh;   c' = s(f) c + s(i) tanh(n),   h' = s(o)
            tanh(c')
    """
    h, c = hx
    return lstm_step(F, F.linear(input, w_ih, b_ih) + F.linear(h, w_hh, b_hh), c)


@composite(
    method=False,
    cases=[
        Case([2, 3], [2, 4], [12, 3], [12, 4], [12], [12]),
        Case([2, 3], [2, 4], [12, 3], [12, 4]),
    ],
)
def gru_cell(
    F,
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """h after one step of a gated recurrent unit.

    Math:   r, z = s(W x + b + U h + d), n = tanh(W x + b + r (U h + d)),   h' = (1 - z) n + z h
    """
    return gru_step(F, F.linear(input, w_ih, b_ih), F.linear(hx, w_hh, b_hh), hx)


def rnn_gate(F, input, hx, w_ih, w_hh, b_ih, b_hh):
    """The state of a simple recurrent network before its function."""
    return F.linear(input, w_ih, b_ih) + F.linear(hx, w_hh, b_hh)


RNN_CASES = [Case([2, 3], [2, 4], [4, 3], [4, 4], [4], [4])]


@composite(method=False, cases=RNN_CASES)
def rnn_tanh_cell(
    F,
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """h after one step of a simple recurrent network.

    Math:   h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
    """
    return F.tanh(rnn_gate(F, input, hx, w_ih, w_hh, b_ih, b_hh))


@composite(method=False, cases=RNN_CASES)
def rnn_relu_cell(
    F,
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """h after one step of a simple recurrent network.

    Math:   h' = relu(W_ih x + b_ih + W_hh h + b_hh)
    """
    return F.relu(rnn_gate(F, input, hx, w_ih, w_hh, b_ih, b_hh))
