"""Sentences and their translations: Multi30k, or a made-up language."""

from __future__ import annotations

from ...engine.device import Generator
from .files import read, search

Pairs = list[tuple[str, str]]
TEST = "test_2016_flickr"  # Multi30k's name of the test set

WORDS = {
    "the": "lo",
    "a": "un",
    "dog": "hunta",
    "cat": "mica",
    "bird": "pilu",
    "child": "nenno",
    "tree": "arba",
    "house": "domo",
    "sees": "vidar",
    "likes": "amar",
    "finds": "trovar",
    "red": "roja",
    "small": "pica",
    "old": "velha",
    "happy": "felis",
}
NOUNS = ["dog", "cat", "bird", "child", "tree", "house"]
VERBS = ["sees", "likes", "finds"]
ADJECTIVES = ["red", "small", "old", "happy", ""]


def made_up(count: int = 2000) -> Pairs:
    """Sentences in a made-up language, and the same in English.

    The made-up language has other words, the adjective after its noun, and the verb last.
    """
    rng = Generator().manual_seed(5).numpy

    def thing() -> tuple[list[str], list[str]]:
        article, noun, adjective = (
            rng.choice(["the", "a"]),
            rng.choice(NOUNS),
            rng.choice(ADJECTIVES),
        )
        return [w for w in (article, adjective, noun) if w], [
            WORDS[w] for w in (article, noun, adjective) if w
        ]

    def pair() -> tuple[str, str]:
        (subject, foreign_subject), verb, (thing_, foreign_thing) = (
            thing(),
            rng.choice(VERBS),
            thing(),
        )
        return (
            " ".join([*foreign_subject, *foreign_thing, WORDS[verb], "."]),
            " ".join([*subject, verb, *thing_, "."]),
        )

    return [pair() for _ in range(count)]


def multi30k(choice: str, source: str, target: str) -> dict[str, Pairs] | None:
    """Multi30k's parts train, val and test in two languages (`de`, `en` ...); None if `choice` is
    "embedded".
    """
    parts = {}
    for part in ("train", "val", TEST):
        found = search(choice, f"multi30k/{part}.{source}.gz", f"multi30k/{part}.{target}.gz")
        if not found:
            return None
        sources, targets = (read(path).rstrip("\n").split("\n") for path in found)
        parts[part] = list(zip(sources, targets, strict=True))
    return parts


def cut_in_three(pairs: Pairs) -> dict[str, Pairs]:
    """The last twentieth for the test, the one before for validation, the rest to train on."""
    held = max(1, len(pairs) // 20)
    return {"train": pairs[: -2 * held], "val": pairs[-2 * held : -held], TEST: pairs[-held:]}
