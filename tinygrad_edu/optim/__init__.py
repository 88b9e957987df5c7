"""Optimisers and learning-rate schedules with PyTorch's names. The step of each is one readable function in `ops/update.py`."""
from . import lr_scheduler
from .adam import Adam, Adamax, AdamW, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, Lion, RMSprop, Rprop
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "lr_scheduler"]
