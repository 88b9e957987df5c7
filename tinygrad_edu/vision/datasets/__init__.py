"""Data sets of images, shaped like torchvision's."""

from .base import DatasetError, VisionDataset
from .embedded import MNIST5k
from .fake import FakeData
from .folder import DatasetFolder, ImageFolder
from .mnist import MNIST, FashionMNIST

__all__ = [
    "MNIST",
    "DatasetError",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "MNIST5k",
    "VisionDataset",
]
