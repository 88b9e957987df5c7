"""Run a real pretrained language model: the 260,000-parameter Llama of tinyllamas, which writes
children's stories.

    tinygrad-edu train stories --data FOLDER     a folder with stories260K.bin and tok512.bin
    tinygrad-edu train stories --prompt "Once upon a time, there was a dragon" --temperature 0.8

There is nothing to train here: the command loads the weights, prints a story, and says how fast it
was written. With temperature 0 the 200 tokens from the empty prompt are the author's published
text, byte for byte.

Reference: A. Karpathy, llama2.c (the weights).
"""

from __future__ import annotations

import time

from ..models.llama import Pieces, generate, load
from ..train import Option, Recipe, Run, UsageError
from ..train.sources.files import search

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
        Option("sample", 200, "tokens to write"),
        Option("temperature", 0.0, "0: always the likeliest token; 1: as the model believes"),
    ),
)


def train(run: Run) -> None:
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
    count = min(settings["sample"], settings["limit"] or settings["sample"])
    tokens = generate(model, start, count, settings["temperature"])
    seconds, count = time.perf_counter() - begun, len(tokens) - len(start)
    run.describe(pieces.decode(tokens[1:]).decode("utf-8", "replace"))
    run.describe(f"{count} tokens in {seconds:.2f} s, {count / seconds:,.0f} tokens/s.")


predictor = None
