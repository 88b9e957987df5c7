"""Images: data sets, models and transforms with the names of torchvision."""

from . import datasets, models, transforms, utils

__all__ = ["datasets", "models", "transforms", "utils"]
