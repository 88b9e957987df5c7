"""Transforms of images, with the names, arguments and rules of torchvision.transforms.

They take tensors (..., C, H, W), PIL images, and NumPy arrays (H, W) or (H, W, C), and give back
the same kind. The arithmetic is the same for all of them, so results do not depend on whether
Pillow is installed. Random ones draw from `tinygrad_edu.data.current_generator()`: inside a
DataLoader each item has a seed of its own.
"""

from ...left_out import explain_missing as _explain_missing
from . import functional
from .augment import (
    ColorJitter,
    RandomAffine,
    RandomApply,
    RandomChoice,
    RandomCrop,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomOrder,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)
from .basic import (
    CenterCrop,
    Compose,
    ConvertImageDtype,
    Grayscale,
    Lambda,
    Normalize,
    Pad,
    PILToTensor,
    Resize,
    ToPILImage,
    ToTensor,
)
from .further import (
    FiveCrop,
    GaussianBlur,
    RandomAutocontrast,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
    TenCrop,
)
from .resample import InterpolationMode

__all__ = [
    "FiveCrop",
    "GaussianBlur",
    "RandomAutocontrast",
    "RandomInvert",
    "RandomPosterize",
    "RandomSolarize",
    "TenCrop",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]

_explain_missing(__name__)
