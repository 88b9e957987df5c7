"""Tokenizers: text to a list of ints and back. Each can be rebuilt from its `state_dict()`, which
holds only JSON values.
"""

from __future__ import annotations

import re
import reprlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any

from ..engine.errors import CheckpointError, ShapeError

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")


MOST_BYTES = 50_000_000  # of all tokens of a BPETokenizer together


def checked(who: str, state: Any, **wanted: type) -> list[Any]:
    """The values of a state by their names, each of its type.

    Raises: CheckpointError if the state is something else
    """
    values = [state.get(name) if isinstance(state, dict) else None for name in wanted]
    if not all(type(value) is kind for value, kind in zip(values, wanted.values())):
        wants = ", ".join(f"{name} ({kind.__name__})" for name, kind in wanted.items())
        raise CheckpointError(
            f"{who}.from_state_dict: the state must hold {wants}, got {reprlib.repr(state)}. Give"
            " what state_dict() returned."
        )
    return values


def distinct(who: str, tokens: list[Any]) -> list[Any]:
    """The tokens, all of which must be texts, and different ones.

    Raises: CheckpointError if they are not
    """
    if not all(type(token) is str for token in tokens) or len(set(tokens)) != len(tokens):
        raise CheckpointError(
            f"{who}.from_state_dict: tokens must be different texts, got {reprlib.repr(tokens)}."
            " Give what state_dict() returned."
        )
    return tokens


class CharTokenizer:
    """One token a character; the vocabulary is the characters of `text`, sorted."""

    def __init__(self, text: str = "", characters: Iterable[str] | None = None):
        self.characters = sorted(set(text)) if characters is None else list(characters)
        self.number = {c: i for i, c in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Raises: ShapeError for a character that is not in the vocabulary."""
        try:
            return [self.number[c] for c in text]
        except KeyError as error:
            raise ShapeError(
                f"CharTokenizer.encode: characters must be among the {len(self)} of the training"
                f" text, got {error.args[0]!r}. Remove it, or train the tokenizer on text that"
                " has it."
            ) from None

    def decode(self, tokens: Iterable[int]) -> str:
        return "".join(self.characters[int(t)] for t in tokens)

    def state_dict(self) -> dict[str, Any]:
        return {"characters": "".join(self.characters)}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> CharTokenizer:
        """Raises: CheckpointError for what state_dict() did not return"""
        (characters,) = checked("CharTokenizer", state, characters=str)
        return cls(characters=distinct("CharTokenizer", list(characters)))


class WordTokenizer:
    """One token a word or punctuation mark. Rare words become <unk>.

    Args: texts: what to learn the vocabulary from; min_count: rarer words are left out; max_size:
          of the vocabulary, the most frequent stay; lower: ignore case.
    """

    pattern = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")

    def __init__(
        self,
        texts: Iterable[str] = (),
        min_count: int = 1,
        max_size: int | None = None,
        lower: bool = True,
        words: list[str] | None = None,
    ):
        self.lower = lower
        if words is None:
            counts = Counter(w for text in texts for w in self.split(text))
            ordered = sorted(
                (w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w)
            )
            words = [
                *SPECIALS,
                *ordered[: None if max_size is None else max(0, max_size - len(SPECIALS))],
            ]
        self.words = words
        self.number = {w: i for i, w in enumerate(words)}
        self.pad, self.unk, self.bos, self.eos = range(4)

    def __len__(self) -> int:
        return len(self.words)

    def split(self, text: str) -> list[str]:
        return self.pattern.findall(text.lower() if self.lower else text)

    def encode(self, text: str) -> list[int]:
        return [self.number.get(w, self.unk) for w in self.split(text)]

    def decode(self, tokens: Iterable[int]) -> str:
        """The words with spaces between; special tokens other than <unk> are left out."""
        return " ".join(
            self.words[t] for t in map(int, tokens) if t not in (self.pad, self.bos, self.eos)
        )

    def state_dict(self) -> dict[str, Any]:
        return {"words": self.words, "lower": self.lower}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> WordTokenizer:
        """Raises: CheckpointError for what state_dict() did not return"""
        words, lower = checked("WordTokenizer", state, words=list, lower=bool)
        if words[:4] != list(SPECIALS):
            raise CheckpointError(
                f"WordTokenizer.from_state_dict: words must begin with {', '.join(SPECIALS)}, got"
                f" {reprlib.repr(words)}. Give what state_dict() returned."
            )
        return cls(words=list(distinct("WordTokenizer", words)), lower=lower)


class BPETokenizer:
    """Byte-level byte-pair encoding: starts from the 256 bytes, so that any text (and any bytes)
    can be encoded and comes back exactly.

    The text is cut into pieces (a word with the space before it, digits, punctuation, spaces), and
    inside the pieces the most frequent pair of neighbours becomes a token, again and again. Tokens
    0 to 255 are the bytes, then come the merges in the order they were learnt, then the special
    tokens.

    Args: merges: pairs of token numbers, each of earlier tokens; specials: names of tokens that
          never come from text.
    Raises: ShapeError for merges of later tokens, or of more than 50 MB of text together
    Reference: Sennrich, Haddow, Birch, 2016, "Neural machine translation of rare words with subword
               units".
    """

    pieces = re.compile(r" ?[^\W\d_]+| ?\d{1,3}| ?(?:[^\w\s]|_)+|\s+(?=\s)|\s+", re.DOTALL)

    def __init__(self, merges: Iterable[tuple[int, int]] = (), specials: Iterable[str] = SPECIALS):
        self.merges = [(int(a), int(b)) for a, b in merges]
        check_merges(self.merges)
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.bytes = [bytes([i]) for i in range(256)]
        for a, b in self.merges:
            self.bytes.append(self.bytes[a] + self.bytes[b])
        self.specials = list(specials)
        self.number = {name: len(self.bytes) + i for i, name in enumerate(self.specials)}
        self.pad, self.unk, self.bos, self.eos = (self.number.get(name) for name in SPECIALS)
        self._encode_piece = lru_cache(maxsize=100_000)(self._merge)

    def __len__(self) -> int:
        return len(self.bytes) + len(self.specials)

    @classmethod
    def train(
        cls, texts: Iterable[str], size: int, specials: Iterable[str] = SPECIALS
    ) -> BPETokenizer:
        """Learn merges until the vocabulary has `size` tokens, or no pair comes twice."""
        specials = list(specials)
        if size < 256 + len(specials):
            raise ShapeError(
                f"BPETokenizer.train: size must be at least {256 + len(specials)} (the bytes and"
                f" the special tokens), got {size}. Use a larger one."
            )
        counts = Counter(piece.encode() for text in texts for piece in cls.pieces.findall(text))
        words = [(list(piece), n) for piece, n in sorted(counts.items())]
        pairs: Counter = Counter()
        # pair -> the words that hold it
        places: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        for i, (word, n) in enumerate(words):
            for pair in pairwise(word):
                pairs[pair] += n
                places[pair].add(i)
        merges: list[tuple[int, int]] = []
        while len(merges) < size - 256 - len(specials) and pairs:
            best = max(pairs, key=lambda pair: (pairs[pair], pair))
            if pairs[best] < 2:
                break
            new = 256 + len(merges)
            merges.append(best)
            for i in places.pop(best):
                word, n = words[i]
                for pair in pairwise(word):
                    pairs[pair] -= n
                    if not pairs[pair]:
                        del pairs[pair]
                word[:] = replace(word, best, new)
                for pair in pairwise(word):
                    pairs[pair] += n
                    places[pair].add(i)
            pairs.pop(best, None)
        return cls(merges, specials)

    def _merge(self, piece: bytes) -> tuple[int, ...]:
        """Apply the merges to one piece, the earliest learnt first."""
        word = list(piece)
        while len(word) > 1:
            rank, pair = min(
                (self.rank.get(pair, len(self.merges)), pair) for pair in pairwise(word)
            )
            if rank == len(self.merges):
                break
            word = replace(word, pair, 256 + rank)
        return tuple(word)

    def encode(self, text: str | bytes) -> list[int]:
        """The tokens of a text, or of any bytes."""
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError:  # not text: one piece a line
                return [
                    t for line in text.splitlines(keepends=True) for t in self._encode_piece(line)
                ]
        return [
            t
            for piece in self.pieces.findall(text)
            for t in self._encode_piece(piece.encode("utf-8", "surrogatepass"))
        ]

    def decode_bytes(self, tokens: Iterable[int]) -> bytes:
        """The bytes of the tokens; special tokens give none."""
        return b"".join(self.bytes[t] for t in map(int, tokens) if t < len(self.bytes))

    def decode(self, tokens: Iterable[int]) -> str:
        return self.decode_bytes(tokens).decode("utf-8", "replace")

    def state_dict(self) -> dict[str, Any]:
        return {"merges": [list(pair) for pair in self.merges], "specials": self.specials}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> BPETokenizer:
        """Raises: CheckpointError for what state_dict() did not return"""
        merges, specials = checked("BPETokenizer", state, merges=list, specials=list)
        if not all(
            type(pair) in (list, tuple) and [*map(type, pair)] == [int, int] for pair in merges
        ):
            raise CheckpointError(
                "BPETokenizer.from_state_dict: merges must be pairs of ints, got"
                f" {reprlib.repr(merges)}. Give what state_dict() returned."
            )
        return cls([(a, b) for a, b in merges], distinct("BPETokenizer", specials))


def check_merges(merges: list[tuple[int, int]]) -> None:
    """Refuse merges of tokens that are not there yet, and tokens that double without end."""
    lengths = [1] * 256
    total = 0
    for a, b in merges:
        if not (0 <= a < len(lengths) and 0 <= b < len(lengths)):
            raise ShapeError(
                f"BPETokenizer: a merge must join two of the {len(lengths)} tokens before it, got"
                f" {(a, b)!r:.60}. Give the merges in the order in which they were learnt."
            )
        lengths.append(lengths[a] + lengths[b])
        total += lengths[-1]
        if total > MOST_BYTES:
            raise ShapeError(
                f"BPETokenizer: all tokens together must have at most {MOST_BYTES:,} bytes, got"
                f" more with merge {len(lengths) - 256}. Use fewer merges."
            )


def replace(word: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """`word` with each `pair` of neighbours made one token, from the left."""
    out, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and word[i] == pair[0] and word[i + 1] == pair[1]:
            out.append(new)
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out
