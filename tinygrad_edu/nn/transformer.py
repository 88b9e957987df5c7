"""The Transformer: encoder and decoder layers, stacks of them, and the whole model."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from .. import functional as ops
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import functional as F
from . import init
from .attention import MultiheadAttention
from .container import MOST_LAYERS, ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm


def activation_of(activation: str | Callable) -> Callable:
    if callable(activation):
        return activation
    if activation not in ("relu", "gelu"):
        raise ShapeError(
            f"Transformer: activation must be 'relu', 'gelu' or a function, got {activation!r}."
            " Pass the function itself."
        )
    return getattr(F, activation)


def clones(module: Module, n: int) -> ModuleList:
    if not 0 <= n <= MOST_LAYERS:
        raise ShapeError(
            f"Transformer: num_layers must be from 0 to {MOST_LAYERS}, got {n}. Each layer is a"
            " copy."
        )
    return ModuleList([copy.deepcopy(module) for _ in range(n)])


class _Layer(Module):
    """What encoder and decoder layers share: their arguments, the feed-forward part, and where the
    norms stand. `attentions` names the attention layers, in order.
    """

    attentions: tuple[str, ...]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        parts = len(self.attentions) + 1  # and the feed-forward part
        for name in self.attentions:
            setattr(
                self,
                name,
                MultiheadAttention(
                    d_model, nhead, dropout, bias, batch_first=batch_first, **factory
                ),
            )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **factory)
        self.norm_first = norm_first
        for i in range(1, parts + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias, **factory))
        for i in range(1, parts + 1):
            setattr(self, f"dropout{i}", Dropout(dropout))
        # last: a module, such as PReLU(), comes last in the state dict too
        self.activation = activation_of(activation)

    def feed_forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.activation(self.linear1(x)))  # (T, B, dim_feedforward)
        return self.linear2(x)  # (T, B, E)

    def through(self, x: Tensor, parts: list[Callable]) -> Tensor:
        """x + part(norm(x)) for each part, or norm(x + part(x))."""
        for i, part in enumerate(parts, 1):
            norm, dropout = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
            x = x + dropout(part(norm(x))) if self.norm_first else norm(x + dropout(part(x)))
        return x


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a feed-forward network, each with a residual connection and a LayerNorm.

    Shape:  src (T, B, E), or (B, T, E) with batch_first, or (T, E); unchanged
    Args:   d_model E, nhead heads, dim_feedforward: width inside. activation: "relu", "gelu" or a
            function.
            norm_first: norms before the parts, not after the sums.
    Reference: A. Vaswani et al., 2017, "Attention is all you need"; R. Xiong et al., 2020
               (norm_first).
    """

    attentions = ("self_attn",)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            return self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal
            )[0]  # (T, B, E)

        return self.through(src, [attend, self.feed_forward])


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output, then a feed-forward network, each with a
    residual connection and a LayerNorm.

    Shape:  tgt (T, B, E), memory (S, B, E), or (B, T, E) … with batch_first; result like tgt
    Args:   as TransformerEncoderLayer.
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            return self.self_attn(
                x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal
            )[0]  # (T, B, E)

        def look(x: Tensor) -> Tensor:
            return self.multihead_attn(
                x,
                memory,
                memory,
                memory_key_padding_mask,
                False,
                memory_mask,
                is_causal=memory_is_causal,
            )[0]  # (T, B, E): queries from tgt, keys and values from memory (S, B, E)

        return self.through(tgt, [attend, look, self.feed_forward])


class TransformerEncoder(Module):
    """num_layers copies of an encoder layer (equal at first), then a norm if one is given.

    Shape:  as the layer
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__()
        self.layers, self.num_layers = clones(encoder_layer, num_layers), num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """num_layers copies of a decoder layer (equal at first), then a norm if one is given.

    Shape:  as the layer
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers, self.num_layers = clones(decoder_layer, num_layers), num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask,
                memory_mask,
                tgt_key_padding_mask,
                memory_key_padding_mask,
                bool(tgt_is_causal),
                memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder and a decoder, without embeddings and without the last projection to words.

    Shape:  src (S, B, E), tgt (T, B, E), or (B, S, E) … with batch_first; result like tgt
    Args:   as the layers; custom_encoder, custom_decoder: modules to use in their place.
    Note:   matrices start by Xavier's uniform rule.
    Reference: A. Vaswani et al., 2017, "Attention is all you need".
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        layer = (
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device,
            dtype,
        )

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = (
            TransformerEncoder(TransformerEncoderLayer(*layer), num_encoder_layers, norm())
            if custom_encoder is None
            else custom_encoder
        )
        self.decoder = (
            TransformerDecoder(TransformerDecoderLayer(*layer), num_decoder_layers, norm())
            if custom_decoder is None
            else custom_decoder
        )
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"Transformer: src and tgt must have {self.d_model} features, got"
                f" {tuple(src.shape)} and {tuple(tgt.shape)}. Check d_model."
            )
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(
                f"Transformer: src and tgt must have one batch size, got {tuple(src.shape)} and"
                f" {tuple(tgt.shape)}. Check batch_first."
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)  # (S, B, E)
        return self.decoder(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            tgt_is_causal,
            memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask to add: 0 on and below the diagonal, -inf above. (sz, sz)"""
        return ops.triu(ops.full((sz, sz), -math.inf, dtype=dtype, device=device), 1)
