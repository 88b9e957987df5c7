"""Text as numbers: tokenizers, and data sets of sequences for language models and translation."""

from .batching import BucketBatchSampler, TokenWindows, pad_batch, pair_loader, trim_padding
from .bleu import bleu
from .tokenizers import BPETokenizer, CharTokenizer, WordTokenizer

__all__ = [
    "BPETokenizer",
    "BucketBatchSampler",
    "CharTokenizer",
    "TokenWindows",
    "WordTokenizer",
    "bleu",
    "pad_batch",
    "pair_loader",
    "trim_padding",
]
