"""Tokenizers give every text back, batches hold every token once, windows may lie on disk."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as te
from tinygrad_edu.data import DataLoader
from tinygrad_edu.text import (
    BPETokenizer,
    BucketBatchSampler,
    CharTokenizer,
    TokenWindows,
    WordTokenizer,
    pad_batch,
)

TEXT = (
    "the cat sat on the mat. The hat sat on that cat! 123 cats, 45678 hats;\n\n  the  end — naïve"
    " café\n" * 5
)
BPE = BPETokenizer.train([TEXT], 320)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_byte_pairs_give_any_bytes_back(data):
    assert BPE.decode_bytes(BPE.encode(data)) == data


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=60))
def test_byte_pairs_give_any_text_back(text):
    assert BPE.decode(BPE.encode(text)) == text


def test_byte_pairs_are_the_most_frequent_ones():
    tokenizer = BPETokenizer.train(["ab ab ab ab cd cd"], 260, specials=())
    assert (
        tokenizer.bytes[256:] == [b" ab"[1:], b" ab", b"cd", b" cd"]
        or tokenizer.bytes[256] == b"ab"
    )
    assert len(tokenizer.encode("ab ab")) == 2


def slow_train(text: str, size: int) -> list[bytes]:
    """Byte-pair training by its definition: count all pairs anew for every merge."""
    pieces = [[bytes([b]) for b in piece.encode()] for piece in BPETokenizer.pieces.findall(text)]
    number = {bytes([i]): i for i in range(256)}
    found: list[bytes] = []
    while len(found) < size:
        counts: dict = {}
        for piece in pieces:
            for pair in zip(piece, piece[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], (number[pair[0]], number[pair[1]])))
        if counts[best] < 2:
            break
        new = best[0] + best[1]
        if new in number:  # two different pairs can spell the same bytes
            break
        number[new] = 256 + len(found)
        found.append(new)
        for piece in pieces:
            i = 0
            while i < len(piece) - 1:
                if (piece[i], piece[i + 1]) == best:
                    piece[i : i + 2] = [new]
                i += 1
    return found


def test_byte_pair_training_equals_its_definition():
    rng = random.Random(0)
    text = " ".join(
        "".join(rng.choice("abcd") for _ in range(rng.randint(1, 6))) for _ in range(300)
    )
    expected = slow_train(text, 60)
    assert BPETokenizer.train([text], 256 + len(expected), specials=()).bytes[256:] == expected
    assert len(expected) > 30


@pytest.mark.parametrize(
    "tokenizer", [BPE, CharTokenizer(TEXT), WordTokenizer([TEXT])], ids=lambda t: type(t).__name__
)
def test_a_tokenizer_comes_back_from_json(tokenizer):
    again = type(tokenizer).from_state_dict(json.loads(json.dumps(tokenizer.state_dict())))
    assert again.encode(TEXT) == tokenizer.encode(TEXT) and len(again) == len(tokenizer)
    assert again.decode(again.encode("the cat")) == "the cat"


def test_characters_that_were_not_seen_are_refused():
    with pytest.raises(te.ShapeError, match="got 'z'"):
        CharTokenizer("abc").encode("az")


def test_rare_words_become_unknown_and_special_tokens_have_fixed_numbers():
    tokenizer = WordTokenizer(["a a a b b c"], min_count=2)
    assert tokenizer.words == ["<pad>", "<unk>", "<bos>", "<eos>", "a", "b"]
    assert tokenizer.encode("A c b!") == [4, 1, 5, 1]
    assert tokenizer.decode([2, 4, 5, 3, 0]) == "a b"


def test_too_small_a_vocabulary_is_refused():
    with pytest.raises(te.ShapeError, match="at least 260"):
        BPETokenizer.train(["abc"], 200)


@pytest.mark.parametrize("where", ["array", "npy", "raw"])
def test_windows_are_the_text_and_its_next_tokens_from_memory_and_from_disk(where, tmp_path):
    tokens = np.arange(50, dtype=np.uint16) * 3
    if where == "npy":
        np.save(tmp_path / "t.npy", tokens)
    tokens.tofile(tmp_path / "t.bin")
    windows = TokenWindows(
        {
            "array": te.tensor(tokens.astype(np.int64)),
            "npy": tmp_path / "t.npy",
            "raw": str(tmp_path / "t.bin"),
        }[where],
        8,
        stride=3,
    )
    assert len(windows) == 14
    for i in range(len(windows)):
        x, y = windows[i]
        np.testing.assert_array_equal(x.numpy(), tokens[3 * i : 3 * i + 8])
        np.testing.assert_array_equal(y.numpy(), tokens[3 * i + 1 : 3 * i + 9])
    with pytest.raises(IndexError):
        windows[14]


def test_windows_longer_than_the_text_are_refused():
    with pytest.raises(te.ShapeError, match="shorter window"):
        TokenWindows(te.arange(8), 8)


def test_padding_fills_up_and_tells_lengths():
    x, n = pad_batch([[1, 2, 3], [4], []], pad=9)
    assert x.tolist() == [[1, 2, 3], [4, 9, 9], [9, 9, 9]] and n.tolist() == [3, 1, 0]


def test_buckets_hold_every_sequence_once_with_little_padding_in_a_random_but_repeatable_order():
    lengths = np.random.default_rng(0).integers(1, 40, 500)
    sampler = BucketBatchSampler(lengths, 200, te.Generator().manual_seed(1))
    first, second = list(sampler), list(sampler)
    assert sorted(i for b in first for i in b) == list(range(500)) and len(first) == len(
        second
    ) == len(sampler)
    assert first != second
    again = list(BucketBatchSampler(lengths, 200, te.Generator().manual_seed(1)))
    assert again == first
    padded = sum(len(b) * lengths[b].max() for b in first)
    assert padded <= 1.15 * lengths.sum() and all(len(b) * lengths[b].max() <= 200 for b in first)
    with pytest.raises(te.ShapeError, match="longest sequence"):
        BucketBatchSampler([5, 300], 200)


def test_a_loader_takes_buckets():
    texts = [list(range(n)) for n in (3, 1, 2, 5)]
    loader = DataLoader(
        texts,
        batch_sampler=BucketBatchSampler(map(len, texts), 6, te.Generator().manual_seed(0)),
        collate_fn=pad_batch,
    )
    assert sorted(n for _, lengths in loader for n in lengths.tolist()) == [1, 2, 3, 5]
