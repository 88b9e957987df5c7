"""What the recipes stand on: a run that can be stopped and resumed, what it shows and draws, and
the data that recipes find or make up.

Start with `run.py`: a `Run` is what every recipe's `train(run)` receives.
"""

from .errors import Diverged, Interrupted, UsageError
from .evaluate import logits_of, scores
from .recipe import Option, Recipe
from .run import Run
from .schedule import one_cycle

__all__ = [
    "Diverged",
    "Interrupted",
    "Option",
    "Recipe",
    "Run",
    "UsageError",
    "logits_of",
    "one_cycle",
    "scores",
]
