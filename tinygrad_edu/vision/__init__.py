"""Images: data sets and transforms with the names of torchvision."""

from . import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]
