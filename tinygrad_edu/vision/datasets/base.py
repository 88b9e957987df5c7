"""What the image data sets share: transforms, the text they print as, and arrays of images held in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...data.collate import Rows
from ...data.dataset import Dataset
from ...data.seeding import in_turn
from ...engine.errors import TinygradEduError
from ...engine.tensor import Tensor
from ..pillow import pillow
from ..transforms.batch import batched

DIGITS = [
    "0 - zero",
    "1 - one",
    "2 - two",
    "3 - three",
    "4 - four",
    "5 - five",
    "6 - six",
    "7 - seven",
    "8 - eight",
    "9 - nine",
]


class DatasetError(TinygradEduError, RuntimeError):
    """Files of a data set that are missing, damaged or cannot be fetched."""


class VisionDataset(Dataset):
    """A data set with a root folder and transforms for images and targets.

    Args:
        transform: what happens to an image before it is handed out.
        target_transform: the same for its target.
    """

    def __init__(
        self,
        root: Any = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ):
        self.root, self.transform, self.target_transform = root, transform, target_transform

    def transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def extra_repr(self) -> str:
        return ""

    def __repr__(self) -> str:
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]  # type: ignore[arg-type]
        if self.root is not None:
            lines.append(f"    Root location: {self.root}")
        lines += [f"    {line}" for line in self.extra_repr().splitlines()]
        for name, transform in (
            ("Transform", self.transform),
            ("Target transform", self.target_transform),
        ):
            if transform is not None:
                lines += [f"    {line}" for line in f"{name}: {transform}".splitlines()]
        return "\n".join(lines)


class ArrayDataset(VisionDataset):
    """Grey images in memory: `data`, a uint8 Tensor (N, H, W), and `targets`, an int64 Tensor (N,).

    An image is handed to the transforms as a PIL image where Pillow is installed, else as a uint8
    array (H, W); every transform of this package takes both.
    """

    data: Tensor
    targets: Tensor
    classes: list[str]

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = self.data.array[index]
        if (pil := pillow()) is not None:
            image = pil.fromarray(image)
        return self.transformed(image, int(self.targets.array[index]))

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """A whole batch: in one go if the transform allows it (ToTensor, Normalize), else sample by
        sample.
        """
        transform = batched(self.transform)
        if (
            transform is None
            or self.target_transform is not None
            or type(self).__getitem__ is not ArrayDataset.__getitem__
        ):
            return [self[i] for i in in_turn(indices)]
        rows = np.asarray(indices, dtype=np.int64)
        targets = Tensor(self.targets.array[rows], self.targets.device)
        return Rows(
            (transform(self.data.array[rows]), targets),
            lambda image, target: (image, target.item()),
        )
