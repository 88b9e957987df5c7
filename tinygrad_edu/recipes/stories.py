"""Run a real pretrained language model: the 260,000-parameter Llama of tinyllamas, which writes
children's stories.

    tinygrad-edu train stories --data FOLDER          a folder with stories260K.bin and tok512.bin
    tinygrad-edu train stories --prompt "Once upon a time, there was a dragon" --temperature 0.8

There is nothing to train here: the command loads the weights, prints a story, and says how fast it
came. With temperature 0 the 200 tokens from the empty prompt are the author's published text, byte
for byte.

The model is a Transformer as today's large ones are built: RMSNorm before each part, rotary
positions, a gated feed-forward network (SwiGLU), and keys and values shared by pairs of query
heads.

Reference: H. Touvron et al., 2023, "LLaMA: open and efficient foundation language models"; J. Su et
           al., 2021, "RoFormer" (rotary positions); N. Shazeer, 2020, "GLU variants improve
           Transformer"; J. Ainslie et al., 2023, "GQA" (grouped queries); A. Karpathy, llama2.c
           (the file format and the weights).
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn
from tinygrad_edu.nn import functional as F

from . import Option, Recipe, UsageError
from ._text import search

RECIPE = Recipe(
    name="stories",
    task="run a pretrained Llama that writes stories",
    data="stories260K.bin and tok512.bin, given by --data",
    time="about 1 s",
    score="the published 200 tokens, byte for byte",
    epochs=1,
    lr=1.0,
    batch_size=1,
    unit="tokens",
    options=(
        Option("prompt", "", "how the story begins"),
        Option("sample", 200, "tokens to write (default 200)"),
        Option("temperature", 0.0, "0: always the likeliest token; 1: as the model believes"),
    ),
)
BOS = 1


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
    """Turn each pair of neighbours in x (B, H, T, D) by its position's angle; cos and sin (T, D/2)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


class Layer(nn.Module):
    """Attention and a gated network, each on a normalised copy of the stream and added to it."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.heads, self.kv_heads, size = c.heads, c.kv_heads, c.dim // c.heads
        self.attention_norm, self.ffn_norm = (
            nn.RMSNorm(c.dim, eps=1e-5),
            nn.RMSNorm(c.dim, eps=1e-5),
        )
        self.wq, self.wo = (
            nn.Linear(c.dim, c.heads * size, bias=False),
            nn.Linear(c.heads * size, c.dim, bias=False),
        )
        self.wk, self.wv = (
            nn.Linear(c.dim, c.kv_heads * size, bias=False),
            nn.Linear(c.dim, c.kv_heads * size, bias=False),
        )
        self.w1, self.w2, self.w3 = (
            nn.Linear(c.dim, c.hidden, bias=False),
            nn.Linear(c.hidden, c.dim, bias=False),
            nn.Linear(c.dim, c.hidden, bias=False),
        )

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: list) -> Tensor:  # (B, T, D)
        B, T, D = x.shape
        h = self.attention_norm(x)
        q, k, v = (
            w(h).view(B, T, n, -1).transpose(1, 2)
            for w, n in ((self.wq, self.heads), (self.wk, self.kv_heads), (self.wv, self.kv_heads))
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if cache:
            k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
        cache[:] = [k, v]
        # (B, H, T, D/H)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1, enable_gqa=True)
        x = x + self.wo(y.transpose(1, 2).reshape(B, T, D))
        h = self.ffn_norm(x)
        return x + self.w2(F.silu(self.w1(h)) * self.w3(h))


class Llama(nn.Module):
    def __init__(self, c: Config) -> None:
        super().__init__()
        self.config = c
        self.tok_embeddings = nn.Embedding(c.vocabulary, c.dim)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.dim, eps=1e-5)
        size = c.dim // c.heads
        angles = np.outer(np.arange(c.context), 10000.0 ** (-np.arange(0, size, 2) / size))
        self.register_buffer(
            "cos", torch.from_numpy(np.cos(angles).astype(np.float32)), persistent=False
        )
        self.register_buffer(
            "sin", torch.from_numpy(np.sin(angles).astype(np.float32)), persistent=False
        )

    def forward(self, tokens: Tensor, caches: list[list]) -> Tensor:  # (B, T) -> (B, T, vocabulary)
        past = caches[0][0].shape[2] if caches[0] else 0
        cos, sin = self.cos[past : past + tokens.shape[1]], self.sin[past : past + tokens.shape[1]]
        x = self.tok_embeddings(tokens)
        for layer, cache in zip(self.layers, caches):
            x = layer(x, cos, sin, cache)
        return F.linear(self.norm(x), self.tok_embeddings.weight)


def load(path: Path) -> Llama:
    """The model in a llama2.c file of version 0: 7 int32, then float32 matrices, each kind for all
    layers together.
    """
    raw = path.read_bytes()
    if len(raw) < 28:
        raise UsageError(
            f"stories: {path.name} must begin with 7 integers, got {len(raw)} bytes. Get the file"
            " again."
        )
    c = Config(*struct.unpack("<7i", raw[:28]))
    if (
        c.vocabulary < 0
        or min(c.dim, c.hidden, c.layers, c.heads, c.kv_heads, c.context) < 1
        or c.dim % c.heads
        or c.heads % c.kv_heads
    ):
        raise UsageError(
            f"stories: {path.name} must be a llama2.c file of version 0 with a shared output"
            f" matrix, got the header {c}. Get the file again."
        )
    D, H, L, kv = c.dim, c.hidden, c.layers, c.dim // c.heads * c.kv_heads
    parts = (
        ("tok_embeddings", (c.vocabulary, D)),
        ("attention_norm", (L, D)),
        ("wq", (L, D, D)),
        ("wk", (L, kv, D)),
        ("wv", (L, kv, D)),
        ("wo", (L, D, D)),
        ("ffn_norm", (L, D)),
        ("w1", (L, H, D)),
        ("w2", (L, D, H)),
        ("w3", (L, H, D)),
        ("norm", (D,)),
    )
    needed = 28 + 4 * sum(int(np.prod(shape)) for _, shape in parts)
    if len(raw) < needed:
        raise UsageError(
            f"stories: {path.name} must hold {needed:,} bytes by its header, got {len(raw):,}. Get"
            " the file again."
        )
    model, at = Llama(c), 28
    with torch.no_grad():
        for name, shape in parts:
            count = int(np.prod(shape))
            values = torch.from_numpy(np.frombuffer(raw, "<f4", count, at).reshape(shape).copy())
            at += 4 * count
            if len(shape) > 1 and name != "tok_embeddings":
                for layer, value in zip(model.layers, values):
                    getattr(layer, name).weight.copy_(value)
            elif name == "attention_norm" or name == "ffn_norm":
                for layer, value in zip(model.layers, values):
                    getattr(layer, name).weight.copy_(value)
            else:
                getattr(model, name).weight.copy_(values)
    return model


class Pieces:
    """The tokenizer of a llama2.c model: pieces of text with scores; neighbours whose union scores
    best are joined first.
    """

    def __init__(self, path: Path, count: int) -> None:
        raw, at = path.read_bytes(), 4
        self.pieces, self.scores = [], []
        try:
            for _ in range(count):
                score, length = struct.unpack_from("<fi", raw, at)
                if not 0 <= length <= len(raw) - at - 8:
                    raise struct.error("length")
                self.scores.append(score)
                self.pieces.append(raw[at + 8 : at + 8 + length])
                at += 8 + length
        except struct.error:
            raise UsageError(
                f"stories: {path.name} must hold {count} pieces, got {len(self.pieces)}. Get the"
                " file that belongs to the model."
            ) from None
        self.number = {piece: i for i, piece in reversed(list(enumerate(self.pieces)))}

    def encode(self, text: str) -> list[int]:
        """BOS and the tokens of a text; what is no piece becomes single bytes (tokens 3 to 258)."""
        tokens: list[int] = [BOS]
        if text:
            tokens.append(self.number[b" "])
        for c in text:
            b = c.encode()
            tokens += [self.number[b]] if b in self.number else [byte + 3 for byte in b]
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
        """The text of tokens that follow BOS; the space before the first piece belongs to no text."""
        out = b""
        for before, token in zip([BOS, *tokens], tokens):
            piece = self.pieces[token]
            if before == BOS:
                piece = piece.removeprefix(b" ")
            out += bytes([token - 3]) if 3 <= token < 259 and piece.startswith(b"<0x") else piece
        return out


@torch.no_grad()
def write(model: Llama, tokens: list[int], count: int, temperature: float = 0.0) -> list[int]:
    """`tokens` continued by up to `count` more; ends at the model's longest text, or at a new BOS."""
    model.eval()
    tokens, caches, device = (
        list(tokens),
        [[] for _ in model.layers],
        next(model.parameters()).device,
    )
    logits = model(torch.tensor([tokens], device=device), caches)[0, -1]
    for _ in range(min(count, model.config.context - len(tokens))):
        new = (
            int(logits.argmax())
            if temperature == 0
            else int(torch.multinomial(F.softmax(logits / temperature, -1), 1))
        )
        if new == BOS:
            break
        tokens.append(new)
        logits = model(torch.tensor([[new]], device=device), caches)[0, -1]
    return tokens


def train(run: Any) -> None:
    """Load, write, say how fast."""
    settings = run.settings
    files = search(settings["data"], "stories260k/stories260K.bin", "stories260k/tok512.bin")
    if files is None:
        raise UsageError(
            "stories: needs the pretrained model, got no --data. Give a folder with stories260K.bin"
            " and tok512.bin (from huggingface.co/karpathy/tinyllamas, folder stories260K)."
        )
    model = load(files[0]).to(run.device)
    pieces = Pieces(files[1], model.config.vocabulary)
    begun = time.perf_counter()
    start = pieces.encode(settings["prompt"])
    tokens = write(model, start, settings["sample"], settings["temperature"])
    seconds = time.perf_counter() - begun
    run.describe(pieces.decode(tokens[1:]).decode("utf-8", "replace"))
    run.describe(
        f"{len(tokens) - len(start)} tokens in {seconds:.2f} s,"
        f" {(len(tokens) - len(start)) / seconds:,.0f} tokens/s."
    )


predictor = None
