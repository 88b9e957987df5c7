"""Data sets of images, shaped like torchvision's."""

from ...left_out import explain_missing as _explain_missing
from .base import DatasetError, VisionDataset
from .cifar import CIFAR10, CIFAR100
from .embedded import MNIST5k
from .emnist import EMNIST
from .fake import FakeData
from .folder import DatasetFolder, ImageFolder
from .mnist import KMNIST, MNIST, FashionMNIST

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "DatasetError",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "MNIST5k",
    "VisionDataset",
]

_explain_missing(__name__)
