"""Text as numbers: tokenizers, and data sets of sequences for language models and translation."""

from .batching import BucketBatchSampler, TokenWindows, pad_batch
from .tokenizers import BPETokenizer, CharTokenizer, WordTokenizer

__all__ = [
    "BPETokenizer",
    "BucketBatchSampler",
    "CharTokenizer",
    "TokenWindows",
    "WordTokenizer",
    "pad_batch",
]
