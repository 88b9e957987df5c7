"""Images: data sets, models and transforms with the names of torchvision."""

from . import datasets, models, transforms, utils
from .transforms import v2 as _v2  # noqa: F401 (makes transforms.v2 readable)

__all__ = ["datasets", "models", "transforms", "utils"]
