"""Images: data sets, models and transforms with the names of torchvision."""

from ..left_out import explain_missing as _explain_missing
from . import datasets, models, transforms, utils
from .transforms import v2 as _v2  # noqa: F401 (makes transforms.v2 readable)

__all__ = ["datasets", "models", "transforms", "utils"]

_explain_missing(__name__)
