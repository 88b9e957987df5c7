"""The score of translations."""

from __future__ import annotations


def bleu(found: list[str], wanted: list[str]) -> float | None:
    """BLEU by sacrebleu (its default tokenizer, case-sensitive); None if it is not installed.

    Reference: K. Papineni et al., 2002, "BLEU"; M. Post, 2018, "A call for clarity in reporting
               BLEU scores".
    """
    try:
        from sacrebleu import corpus_bleu
    except ModuleNotFoundError:
        return None
    return corpus_bleu(found, [wanted], force=True).score  # force: no word about tokenized periods
