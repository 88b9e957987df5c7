"""Llama: a Transformer as today's large language models are built, and the pretrained weights of
small ones.

RMSNorm before each part, rotary positions, a gated feed-forward network (SwiGLU), and keys and
values shared by groups of query heads.

Reference: H. Touvron et al., 2023, "LLaMA: open and efficient foundation language models"; J. Su et
           al., 2021, "RoFormer" (rotary positions); N. Shazeer, 2020, "GLU variants improve
           Transformer"; J. Ainslie et al., 2023, "GQA" (grouped queries); A. Karpathy, llama2.c
           (the file format).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn
from tinygrad_edu.nn import functional as F

from ..engine.errors import CheckpointError, ShapeError
from .cache import KVCache, new_caches
from .sampling import sample

BOS = 1  # the token that begins a text
LONGEST_PIECE = 1_000  # bytes
MOST_LAYERS = 1_000  # of a file: each takes much more memory than its numbers


@dataclass
class Config:
    """The header of the file: 7 integers."""

    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of neighbours in x (B, H, T, D) by its position's angle.

    cos and sin: (T, D/2).
    """
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


class Layer(nn.Module):
    """Attention and a gated network, each on a normalised copy of the stream and added to it."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.heads, self.kv_heads, size = c.heads, c.kv_heads, c.dim // c.heads
        self.attention_norm = nn.RMSNorm(c.dim, eps=1e-5)
        self.ffn_norm = nn.RMSNorm(c.dim, eps=1e-5)
        self.wq = nn.Linear(c.dim, c.heads * size, bias=False)
        self.wo = nn.Linear(c.heads * size, c.dim, bias=False)
        self.wk = nn.Linear(c.dim, c.kv_heads * size, bias=False)
        self.wv = nn.Linear(c.dim, c.kv_heads * size, bias=False)
        self.w1 = nn.Linear(c.dim, c.hidden, bias=False)
        self.w2 = nn.Linear(c.hidden, c.dim, bias=False)
        self.w3 = nn.Linear(c.dim, c.hidden, bias=False)

    def forward(  # (B, T, D)
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: KVCache
    ) -> Tensor:
        B, T, D = x.shape
        h = self.attention_norm(x)
        q, k, v = (
            w(h).view(B, T, n, -1).transpose(1, 2)
            for w, n in ((self.wq, self.heads), (self.wk, self.kv_heads), (self.wv, self.kv_heads))
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = cache.update(k, v)
        # (B, H, T, D/H)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1, enable_gqa=True)
        x = x + self.wo(y.transpose(1, 2).reshape(B, T, D))
        h = self.ffn_norm(x)
        return x + self.w2(F.silu(self.w1(h)) * self.w3(h))


class Llama(nn.Module):
    """Embeddings, layers, and a score for each next token by the embeddings' own matrix."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.config = c
        self.tok_embeddings = nn.Embedding(c.vocabulary, c.dim)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.dim, eps=1e-5)
        size = c.dim // c.heads
        angles = np.outer(np.arange(c.context), 10000.0 ** (-np.arange(0, size, 2) / size))
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        self.register_buffer("cos", torch.from_numpy(cos), persistent=False)
        self.register_buffer("sin", torch.from_numpy(sin), persistent=False)

    def forward(self, tokens: Tensor, caches: list[KVCache]) -> Tensor:  # (B, T) -> (B, T, V)
        past = caches[0].length
        here = slice(past, past + tokens.shape[1])
        cos, sin = self.cos[here], self.sin[here]
        x = self.tok_embeddings(tokens)
        for layer, cache in zip(self.layers, caches):
            x = layer(x, cos, sin, cache)
        return F.linear(self.norm(x), self.tok_embeddings.weight)


@torch.no_grad()
def generate(model: Llama, start: list[int], count: int, temperature: float = 0.0) -> list[int]:
    """`start` continued by up to `count` tokens, chosen as `sampling.sample` says.

    Ends at the longest text that the model sees, or where a new one begins.
    """
    model.eval()
    tokens, device = list(start), next(model.parameters()).device
    caches = new_caches(len(model.layers), model.config.context)
    logits = model(torch.tensor([tokens], device=device), caches)
    for _ in range(min(count, model.config.context - len(tokens))):
        new = sample(logits[:, -1], temperature)  # (1, 1)
        if int(new) == BOS:
            break
        tokens.append(int(new))
        logits = model(new, caches)
    return tokens


# ---- files of llama2.c ---------------------------------------------------------------------------


def load(path: Path) -> Llama:
    """The model in a llama2.c file of version 0: 7 int32, then float32 matrices, each kind for all
    layers together, then the cosines and sines of all positions. The sizes in its header are
    believed only as far as the file is long.

    Raises:
        CheckpointError: the file is not one of these, or not whole.
    """
    raw = read_file(path, "llama.load")
    config = read_config(raw, path.name)
    parts = layout(config)
    turns = config.context * (config.dim // config.heads)  # cos and sin, which are not read
    needed = 28 + 4 * (sum(math.prod(shape) for shape in parts.values()) + turns)
    if len(raw) < needed:
        raise CheckpointError(
            f"llama.load: {path.name} must hold {needed:,} bytes by its header, got {len(raw):,}."
            " Download the file again."
        )
    model, at = Llama(config), 28
    with torch.no_grad():
        for name, shape in parts.items():
            count = math.prod(shape)
            values = torch.from_numpy(np.frombuffer(raw, "<f4", count, at).reshape(shape).copy())
            at += 4 * count
            if name in ("tok_embeddings", "norm"):
                model.get_submodule(name).weight.copy_(values)
            else:
                for layer, value in zip(model.layers, values):
                    layer.get_submodule(name).weight.copy_(value)
    return model


def read_file(path: Path, who: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{who}: {path.name} must be a file that can be read, got {error.strerror}. Check the"
            " path."
        ) from error


def read_config(raw: bytes, name: str) -> Config:
    if len(raw) < 28:
        raise CheckpointError(
            f"llama.load: {name} must begin with 7 integers, got {len(raw)} bytes. Download the"
            " file again."
        )
    c = Config(*struct.unpack("<7i", raw[:28]))
    sizes = (c.dim, c.hidden, c.layers, c.heads, c.kv_heads, c.context)
    fits = min(sizes) >= 1 and not (c.dim % c.heads or c.heads % c.kv_heads)
    if not fits or c.vocabulary < BOS + 1 or c.layers > MOST_LAYERS:
        raise CheckpointError(
            f"llama.load: {name} must be a llama2.c file of version 0 with a shared output matrix,"
            f" got the header {c}. Download the file again."
        )
    return c


def layout(c: Config) -> dict[str, tuple[int, ...]]:
    """The parts of a file in their order, with their shapes."""
    D, H, L, kv = c.dim, c.hidden, c.layers, c.dim // c.heads * c.kv_heads
    return {
        "tok_embeddings": (c.vocabulary, D),
        "attention_norm": (L, D),
        "wq": (L, D, D),
        "wk": (L, kv, D),
        "wv": (L, kv, D),
        "wo": (L, D, D),
        "ffn_norm": (L, D),
        "w1": (L, H, D),
        "w2": (L, D, H),
        "w3": (L, H, D),
        "norm": (D,),
    }


class Pieces:
    """The tokenizer of a llama2.c model: pieces of text with scores. The neighbours whose union
    scores best are joined first.

    Args:
        path: the tokenizer's file.
        count: the model's vocabulary.
    """

    def __init__(self, path: Path, count: int) -> None:
        raw, at = read_file(path, "Pieces"), 4
        self.pieces: list[bytes] = []
        self.scores: list[float] = []
        try:
            for _ in range(count):
                score, length = struct.unpack_from("<fi", raw, at)
                if not 0 <= length <= min(len(raw) - at - 8, LONGEST_PIECE):
                    raise struct.error("length")
                self.scores.append(score)
                self.pieces.append(raw[at + 8 : at + 8 + length])
                at += 8 + length
        except struct.error:
            raise CheckpointError(
                f"Pieces: {path.name} must hold {count} pieces, got {len(self.pieces)}. Give the"
                " file that belongs to the model."
            ) from None
        self.number = {piece: i for i, piece in reversed(list(enumerate(self.pieces)))}

    def encode(self, text: str) -> list[int]:
        """BOS and the tokens of a text; what is no piece becomes single bytes (tokens 3 to 258)."""
        tokens: list[int] = [BOS]
        for c in f" {text}" if text else "":
            b = c.encode("utf-8", "surrogatepass")
            tokens += [self.number[b]] if b in self.number else [byte + 3 for byte in b]
        if max(tokens) >= len(self.pieces):
            raise ShapeError(
                f"Pieces.encode: each character must be a piece or have its bytes among the"
                f" {len(self.pieces)} pieces, got {text[:40]!r}. Give the file that belongs to the"
                " model."
            )
        while True:
            joins = [
                (self.scores[self.number[a]], -i, self.number[a])
                for i in range(1, len(tokens) - 1)
                if (a := self.pieces[tokens[i]] + self.pieces[tokens[i + 1]]) in self.number
            ]
            if not joins:
                return tokens
            _, i, new = max(joins)
            tokens[-i : -i + 2] = [new]

    def decode(self, tokens: list[int]) -> bytes:
        """The text of tokens that follow BOS, without the space before the first piece."""
        out = b""
        for before, token in zip([BOS, *tokens], tokens):
            piece = self.pieces[token]
            if before == BOS:
                piece = piece.removeprefix(b" ")
            out += bytes([token - 3]) if 3 <= token < 259 and piece.startswith(b"<0x") else piece
        return out
