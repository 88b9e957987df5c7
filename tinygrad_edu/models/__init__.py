"""Networks that more than one recipe or user wants, one family a file.

    DigitNet      a small convolutional network for digits
    AlexNet       for pictures of 28 x 28 pixels
    CharRNN       an LSTM or GRU that scores the next character
    GPT           a Transformer that scores the next token
    Llama         the same as today's large models are built; reads pretrained weights
    Seq2Seq       one GRU reads, another writes, with or without attention
    Translator    a Transformer with encoder and decoder

`KVCache` keeps keys and values while text is written, `sampling` chooses a token from scores,
`search` looks for the likeliest sequence.
"""

from .alexnet import AlexNet
from .cache import KVCache
from .char_rnn import CharRNN
from .digit_net import DigitNet
from .gpt import GPT
from .llama import Llama
from .seq2seq import Seq2Seq
from .translator import Translator

__all__ = ["GPT", "AlexNet", "CharRNN", "DigitNet", "KVCache", "Llama", "Seq2Seq", "Translator"]
