"""Recurrent layers: RNN, LSTM and GRU over sequences, and their cells, which take one step."""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import functional as ops
from ..engine.errors import DTypeError, ShapeError
from ..engine.tensor import Tensor
from ..ops.layers.recurrent import gru_sequence, lstm_sequence, rnn_sequence
from . import functional as F
from . import init
from .container import MOST_LAYERS
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


def turned(x: Tensor, lengths: list[int] | None) -> Tensor:
    """Each sequence backwards in time; padding stays at the end. (T, B, *)"""
    if lengths is None:
        return ops.flip(x, (0,))
    T, B = x.shape[:2]
    index = ops.tensor(
        [[n - 1 - t if t < n else t for n in lengths] for t in range(T)], device=x.device
    )
    return x[index, ops.arange(B, device=x.device)]


def last(states: Tensor, lengths: list[int] | None) -> Tensor:
    """The state after each sequence's last step. (T, B, H) → (B, H)"""
    if lengths is None:
        return states[-1]
    return states[
        ops.tensor([n - 1 for n in lengths], device=states.device),
        ops.arange(len(lengths), device=states.device),
    ]


def unsorted(ends: tuple[Tensor, ...], order: Tensor | None) -> tuple[Tensor, ...]:
    """Final states in the order that the sequences had before packing."""
    return ends if order is None else tuple(ops.index_select(e, 1, order) for e in ends)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: parameters, layers, directions, packed and unbatched input.

    Shape:  input (T, B, I), (B, T, I) with batch_first, (T, I) unbatched, or a PackedSequence; hx
            and the final states (layers * directions, B, H)
            (without B if unbatched); output like the input with directions * H features (P instead
            of H with proj_size)
    Args:   input_size I, hidden_size H, num_layers. bias: whether to add b_ih and b_hh. dropout:
            probability between layers, in training.
            bidirectional: a second layer reads backwards, both outputs are joined.
    Note:   parameters weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, … (…_reverse backwards)
            start uniform in ±1/√H.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        name = type(self).__name__
        if min(input_size, num_layers, hidden_size) < 1 or num_layers > MOST_LAYERS:
            raise ShapeError(
                f"{name}: input_size, hidden_size and num_layers must be positive, num_layers at"
                f" most {MOST_LAYERS}, got {input_size}, {hidden_size} and {num_layers}. Correct"
                " them."
            )
        if not 0 <= dropout <= 1:
            raise ShapeError(
                f"{name}: dropout must be in [0, 1], got {dropout}. It is the probability of"
                " dropping an element."
            )
        if not 0 <= proj_size < hidden_size or proj_size and self.gates != 4:
            raise ShapeError(
                f"{name}: proj_size must be 0 (or, for LSTM, smaller than hidden_size), got"
                f" {proj_size}. Omit it."
            )
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout works between layers, so dropout={dropout} does nothing with"
                " num_layers=1. Add a layer, or omit dropout.",
                stacklevel=2,
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        out, wide = proj_size or hidden_size, self.gates * hidden_size
        for layer in range(num_layers):
            for suffix in self.suffixes(layer):
                sizes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (wide, input_size if layer == 0 else out * self.directions),
                    "weight_hh": (wide, out),
                }
                if bias:
                    sizes.update(bias_ih=(wide,), bias_hh=(wide,))
                if proj_size:
                    sizes["weight_hr"] = (proj_size, hidden_size)
                for kind, size in sizes.items():
                    self.register_parameter(
                        kind + suffix, Parameter(ops.empty(*size, device=device, dtype=dtype))
                    )
        self.reset_parameters()

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self.directions]

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing to do here; PyTorch's scripts call it."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, one list per layer and direction."""
        return [
            [p for name, p in self.named_parameters() if name.endswith(suffix)]
            for layer in range(self.num_layers)
            for suffix in self.suffixes(layer)
        ]

    def weight(self, kind: str, suffix: str) -> Any:
        return getattr(self, kind + suffix, None)

    def summed_bias(self, suffix: str) -> Tensor | None:
        return (
            self.weight("bias_ih", suffix) + self.weight("bias_hh", suffix) if self.bias else None
        )

    def run(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: list[int] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(all outputs (T, B, H), final states) of one layer in one direction."""
        raise NotImplementedError("RNNBase: cannot run. Use RNN, LSTM or GRU.")

    def start(
        self, hx: Any, sizes: tuple[int, ...], like: Tensor, single: bool
    ) -> tuple[Tensor, ...]:
        """hx checked, or zeros: one tensor (layers * directions, B, size) for each size."""
        name, lead, B = type(self).__name__, self.num_layers * self.directions, like.shape[1]
        if hx is None:
            return tuple(
                ops.zeros(lead, B, size, dtype=like.dtype, device=like.device) for size in sizes
            )
        given = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        if len(given) != len(sizes):
            raise DTypeError(
                f"{name}: hx must be {'a tensor' if len(sizes) == 1 else 'a pair (h_0, c_0)'}, got"
                f" {len(given)} tensor(s). Give that."
            )
        for h, size in zip(given, sizes):
            wanted = (lead, size) if single else (lead, B, size)
            if tuple(h.shape) != wanted:
                raise ShapeError(
                    f"{name}: hx must have shape {wanted}, got {tuple(h.shape)}. It is (layers *"
                    " directions, batch, features), also with batch_first."
                )
            if h.dtype is not like.dtype:
                raise DTypeError(
                    f"{name}: hx must have the input's dtype {like.dtype.name}, got {h.dtype.name}."
                    " Convert it with .to()."
                )
        return tuple(ops.unsqueeze(h, 1) for h in given) if single else given

    def layers(self, input: Any, hx: Any, sizes: tuple[int, ...]) -> tuple[Any, tuple[Tensor, ...]]:
        """The output in the input's form, and the final states."""
        packed = isinstance(input, PackedSequence)
        single = not packed and input.ndim == 2
        x, lengths = self.unpacked(input) if packed else (self.time_first(input), None)
        self.check(x)
        states = self.start(hx, sizes, x, single)  # (layers * directions, B, H) each
        if packed and input.sorted_indices is not None and hx is not None:
            states = tuple(ops.index_select(s, 1, input.sorted_indices) for s in states)
        x, ends = self.through(x, states, lengths)
        if packed:
            return self.packed(x, lengths, input), unsorted(ends, input.unsorted_indices)
        if single:
            return ops.squeeze(x, 1), tuple(ops.squeeze(e, 1) for e in ends)  # (T, D), (L, H)
        return ops.transpose(x, 0, 1) if self.batch_first else x, ends

    def time_first(self, input: Tensor) -> Tensor:
        """The input as (T, B, I)."""
        if input.ndim not in (2, 3):
            raise ShapeError(
                f"{type(self).__name__}: input must be 2-d or 3-d, got shape"
                f" {tuple(input.shape)}. It is (T, B, I), or (T, I) for one sequence."
            )
        if input.ndim == 2:
            return ops.unsqueeze(input, 1)  # (T, 1, I)
        return ops.transpose(input, 0, 1) if self.batch_first else input

    def unpacked(self, input: PackedSequence) -> tuple[Tensor, list[int]]:
        """The input as (T, B, I), longest sequence first, and the lengths."""
        x = pad_packed_sequence(PackedSequence(input.data, input.batch_sizes))[0]
        counts = input.batch_sizes.tolist()
        return x, [sum(n > b for n in counts) for b in range(counts[0])]

    def packed(self, x: Tensor, lengths: Any, like: PackedSequence) -> PackedSequence:
        data = pack_padded_sequence(x, lengths).data
        return PackedSequence(data, like.batch_sizes, like.sorted_indices, like.unsorted_indices)

    def check(self, x: Tensor) -> None:
        name = type(self).__name__
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input must have {self.input_size} features in its last dim, got shape"
                f" {tuple(x.shape)}. Check input_size."
            )
        if x.dtype is not self.weight_ih_l0.dtype:
            raise DTypeError(
                f"{name}: input must have the parameters' dtype {self.weight_ih_l0.dtype.name}, got"
                f" {x.dtype.name}. Convert it with .to()."
            )
        if not x.shape[0]:
            raise ShapeError(
                f"{name}: input must have at least one step, got shape {tuple(x.shape)}. Give a"
                " longer sequence."
            )

    def through(
        self, x: Tensor, states: tuple[Tensor, ...], lengths: list[int] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers in both directions: (output (T, B, directions * H), final states)."""
        final: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outs = []
            for suffix in self.suffixes(layer):
                begin = tuple(s[len(final)] for s in states)  # (B, H) each
                if suffix.endswith("reverse"):
                    out, end = self.run(turned(x, lengths), begin, suffix, lengths)
                    out = turned(out, lengths)
                else:
                    out, end = self.run(x, begin, suffix, lengths)
                outs.append(out)  # (T, B, H)
                final.append(end)  # (B, H) each
            x = outs[0] if len(outs) == 1 else ops.cat(outs, -1)  # (T, B, directions * H)
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        # (layers * directions, B, H) each
        return x, tuple(ops.stack(list(column)) for column in zip(*final))

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        ):
            if getattr(self, name) != usual:
                shown.append(f"{name}={getattr(self, name)}")
        return ", ".join(shown)


class RNN(RNNBase):
    """A simple (Elman) recurrent network.

    Math:   h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or relu
    Shape:  input (T, B, I) → output (T, B, directions * H), h_n (layers * directions, B, H); see
            RNNBase
    Reference: J. Elman, 1990, "Finding structure in time".
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        if nonlinearity not in ("tanh", "relu"):
            raise ShapeError(
                f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}. Choose one of"
                " them."
            )
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity

    def run(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: list[int] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        bias = self.summed_bias(suffix)
        gx = F.linear(x, self.weight("weight_ih", suffix), bias)  # (T, B, H)
        # unbounded: past a sequence's end it could grow to inf, and 0 inf = nan in the gradients
        if lengths is not None and self.nonlinearity == "relu":
            # (T, B, 1)
            past = ops.tensor(
                [[[t >= n] for n in lengths] for t in range(gx.shape[0])], device=gx.device
            )
            gx = ops.masked_fill(gx, past, -math.inf)
        w_hh = self.weight("weight_hh", suffix)
        out = rnn_sequence(gx, state[0], w_hh, self.nonlinearity)  # (T, B, H)
        return out, (last(out, lengths),)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        out, (h,) = self.layers(input, hx, (self.hidden_size,))
        return out, h


class LSTM(RNNBase):
    """A long short-term memory.

    Math:   [i, f, n, o] = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh;   c_t = σ(f) c_{t-1} + σ(i)
            tanh(n),   h_t = σ(o) tanh(c_t) (times W_hr with proj_size)
    Shape:  input (T, B, I) → output (T, B, directions * H), (h_n, c_n); see RNNBase
    Reference: S. Hochreiter, J. Schmidhuber, 1997, "Long short-term memory"; H. Sak et al., 2014
               (proj_size).
    """

    gates = 4

    def run(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: list[int] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        bias = self.summed_bias(suffix)
        gx = F.linear(x, self.weight("weight_ih", suffix), bias)  # (T, B, 4H)
        w_hh = self.weight("weight_hh", suffix)
        if self.proj_size:
            hs, cs = self.projected(gx, state, w_hh, self.weight("weight_hr", suffix))
        else:
            hs, cs = lstm_sequence(gx, state[0], state[1], w_hh)[:2]  # (T, B, H) each
        return hs, (last(hs, lengths), last(cs, lengths))

    def projected(
        self, gx: Tensor, state: tuple[Tensor, ...], w_hh: Tensor, w_hr: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Step by step, with every h made smaller by W_hr."""
        (h, c), hs, cs = state, [], []
        for t in range(gx.shape[0]):
            i, f, n, o = ops.chunk(gx[t] + F.linear(h, w_hh), 4, -1)  # (B, H) each
            c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(n)  # (B, H)
            h = F.linear(F.sigmoid(o) * F.tanh(c), w_hr)  # (B, P)
            hs.append(h)
            cs.append(c)
        return ops.stack(hs), ops.stack(cs)  # (T, B, P), (T, B, H)

    def forward(
        self, input: Any, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        out, (h, c) = self.layers(input, hx, (self.proj_size or self.hidden_size, self.hidden_size))
        return out, (h, c)


class GRU(RNNBase):
    """A gated recurrent unit.

    Math:   r, z = σ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh);   n = tanh(W_in x_t + b_in + r (W_hn
            h_{t-1} + b_hn));   h_t = (1 - z) n + z h_{t-1}
    Shape:  input (T, B, I) → output (T, B, directions * H), h_n; see RNNBase
    Reference: K. Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder for
               statistical machine translation".
    """

    gates = 3

    def run(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: list[int] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        gx = F.linear(x, self.weight("weight_ih", suffix), self.weight("bias_ih", suffix))
        # gx (T, B, 3H) → (T, B, H)
        out = gru_sequence(
            gx, state[0], self.weight("weight_hh", suffix), self.weight("bias_hh", suffix)
        )
        return out, (last(out, lengths),)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        out, (h,) = self.layers(input, hx, (self.hidden_size,))
        return out, h


class RNNCellBase(Module):
    """What the cells share.

    Shape: input (B, I) or (I), state (B, H) or (H). Parameters start uniform in ±1/√H.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        wide = self.gates * hidden_size
        for name, size in {
            "weight_ih": (wide, input_size),
            "weight_hh": (wide, hidden_size),
            "bias_ih": (wide,),
            "bias_hh": (wide,),
        }.items():
            there = bias or name.startswith("weight")
            self.register_parameter(
                name, Parameter(ops.empty(*size, device=device, dtype=dtype)) if there else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def weights(self) -> tuple:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def state(self, input: Tensor, hx: Tensor | None) -> Tensor:
        """hx checked, or zeros."""
        name = type(self).__name__
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input must be (B, {self.input_size}) or ({self.input_size}), got shape"
                f" {tuple(input.shape)}. Check input_size."
            )
        wanted = (*input.shape[:-1], self.hidden_size)
        if hx is None:
            return ops.zeros(*wanted, dtype=input.dtype, device=input.device)
        if tuple(hx.shape) != wanted:
            raise ShapeError(
                f"{name}: hx must have shape {wanted}, got {tuple(hx.shape)}. Check hidden_size and"
                " the batch."
            )
        return hx

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + (
            "" if self.bias else f", bias={self.bias}"
        )


class RNNCell(RNNCellBase):
    """One step of a simple recurrent network.

    Math: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        if nonlinearity not in ("tanh", "relu"):
            raise ShapeError(
                f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}. Choose one"
                " of them."
            )
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        step = ops.rnn_tanh_cell if self.nonlinearity == "tanh" else ops.rnn_relu_cell
        return step(input, self.state(input, hx), *self.weights())

    def extra_repr(self) -> str:
        return super().extra_repr() + (
            "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        )


class LSTMCell(RNNCellBase):
    """One step of a long short-term memory: (h, c) → (h', c'). Math: as LSTM."""

    gates = 4

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        h, c = (None, None) if hx is None else hx
        state = [self.state(input, h), self.state(input, c)]
        return ops.lstm_cell(input, state, *self.weights())


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit. Math: as GRU."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return ops.gru_cell(input, self.state(input, hx), *self.weights())
