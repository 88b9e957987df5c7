"""Published weights: where they are, how they are read, and how a picture is prepared for them.

Nothing is downloaded. A file that someone put into the folder where PyTorch keeps its downloads
(`hub.get_dir()`/checkpoints) is read from there.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from ... import hub
from ...engine.dtype import float32
from ...engine.errors import CheckpointError, ShapeError
from ...engine.tensor import Tensor
from ...nn.module import Module
from ...storage import load
from ...storage.checkpoint import CheckpointNotFound
from ..transforms import functional as F
from ..transforms.resample import InterpolationMode

HOME = "https://download.pytorch.org/models/"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue
M = TypeVar("M", bound=Module)


class ImageClassification:
    """What the published classifiers expect: the middle of a picture, as floats, normalised.

    Args:
        crop_size, resize_size: pixels; the shorter side is resized before the middle is cut out.
        mean, std: of each channel.

    Shape: a PIL image or (..., 3, H, W) to (..., 3, crop_size, crop_size)
    """

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = MEAN,
        std: tuple[float, ...] = STD,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def __call__(self, img: Any) -> Tensor:
        img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, float32), self.mean, self.std)

    def __repr__(self) -> str:
        lines = [f"    {name}={value}" for name, value in vars(self).items()]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


@dataclass(frozen=True)
class Weights:
    """One published file.

    Args:
        url: where its makers publish it. The name ends in the first digits of its sha256.
        transforms: makes the function that prepares a picture.
        meta: facts about it.
    """

    url: str
    transforms: Callable[..., Any]
    meta: Mapping[str, Any] = field(default_factory=dict)


def imagenet(file: str, num_params: int, resize_size: int = 256) -> Weights:
    """Weights for the 1,000 classes of ImageNet, for pictures of 224 x 224 pixels."""
    prepare = partial(ImageClassification, crop_size=224, resize_size=resize_size)
    return Weights(HOME + file, prepare, {"num_params": num_params})


class WeightsEnum(Enum):
    """The files published for one model. `DEFAULT` is the best of them."""

    @property
    def url(self) -> str:
        return self.value.url

    @property
    def transforms(self) -> Callable[..., Any]:
        return self.value.transforms

    @property
    def meta(self) -> Mapping[str, Any]:
        return self.value.meta

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The member that `obj` names: itself or its name; None stays None.

        Raises: ShapeError for anything else
        """
        name = obj.removeprefix(f"{cls.__name__}.") if isinstance(obj, str) else None
        if obj is None or isinstance(obj, cls):
            return obj
        if name is not None and name in cls.__members__:
            return cls[name]
        raise ShapeError(
            f"{cls.__name__}: weights must be None or one of {', '.join(cls.__members__)}, got"
            f" {obj!r:.100}. Pass one of these names, or load a file of your own with"
            " model.load_state_dict(load(path))."
        )

    def get_state_dict(self, progress: bool = True, check_hash: bool = True) -> dict[str, Tensor]:
        """The tensors in the file, which must be on this machine.

        Raises:
            CheckpointNotFound: it is not there; the message says where to get it.
            CheckpointError: it is damaged, or another file.
        """
        file = self.url.rpartition("/")[2]
        path = os.path.join(hub.get_dir(), "checkpoints", file)
        if not os.path.isfile(path):
            raise CheckpointNotFound(
                f"{self}: its file must be {path}, got none there. Nothing is downloaded here:"
                f" fetch {self.url} and put it there. Or put it elsewhere, and build the model with"
                " weights=None and call model.load_state_dict(load(path))."
            )
        if check_hash:
            self.check(path, file)
        return load(path)

    def check(self, path: str, file: str) -> None:
        """Raise CheckpointError unless the sha256 begins as the name of the file tells."""
        expected, found = file.rpartition("-")[2].partition(".")[0], hashlib.sha256()
        with open(path, "rb") as opened:
            while piece := opened.read(1 << 20):
                found.update(piece)
        if not found.hexdigest().startswith(expected):
            raise CheckpointError(
                f"{self}: the sha256 of {path} must begin with {expected}, got"
                f" {found.hexdigest()[:16]}. It is damaged or another file: fetch {self.url} again."
            )


def build(
    make: Callable[..., M],
    choices: type[WeightsEnum],
    weights: Any,
    options: dict[str, Any],
    rename: Callable[[str], str] = str,
) -> M:
    """A model, with published weights if they are asked for.

    Args:
        make: builds the model from `options`.
        choices: the weights that are published for it.
        weights: a member of `choices`, the name of one, or None. True and False, and `pretrained`
            among the options, are PyTorch's older way to say the first one and None.
        rename: turns a name of the file into the model's.

    Raises:
        ShapeError: there are no such weights, or they are for another number of classes.
        CheckpointError: their file is not there or damaged.
    """
    if "pretrained" in options:
        weights = bool(options.pop("pretrained"))
        warnings.warn(
            f"pretrained: is the older name. Use weights={choices.__name__}.IMAGENET1K_V1, or"
            " weights=None.",
            stacklevel=3,
        )
    if isinstance(weights, bool):
        weights = "IMAGENET1K_V1" if weights else None
    chosen = choices.verify(weights)
    if chosen is None:
        return make(**options)
    if options.setdefault("num_classes", 1000) != 1000:
        raise ShapeError(
            f"{chosen}: num_classes must be 1000 with these weights, got"
            f" {options['num_classes']}. Omit it, and replace the last layer afterwards."
        )
    state = chosen.get_state_dict()
    model = make(**options)
    model.load_state_dict({rename(name): tensor for name, tensor in state.items()})
    return model
