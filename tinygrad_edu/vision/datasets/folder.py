"""Images sorted into one folder per class."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..pillow import PictureError, as_rgb, read_picture
from .base import DatasetError, VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def pil_loader(path: str) -> Any:
    """The picture in a file as a PIL image with three channels.

    The file's content must be PNG, JPEG, WebP, BMP, GIF, TIFF or PPM, whatever its name says.

    Raises: DatasetError if it is none of these, damaged, or much larger in memory than its file.
    """
    try:
        return read_picture(path, "ImageFolder", as_rgb)
    except (PictureError, FileNotFoundError) as error:
        raise DatasetError(
            f"ImageFolder: {path} must be a whole picture, got {error}. Save it again or take it"
            " out of the folder."
        ) from error


def files_below(folder: Path) -> list[str]:
    """The paths of all files in the folder and those inside it, in alphabetical order.

    Links to folders are followed, but each folder is listed once: links that lead back end.
    """
    found: list[str] = []
    rest, listed = [os.fspath(folder)], set()
    while rest:
        inner = rest.pop()
        place = os.stat(inner)
        if (place.st_dev, place.st_ino) in listed:
            continue
        listed.add((place.st_dev, place.st_ino))
        with os.scandir(inner) as entries:
            for entry in entries:
                (rest if entry.is_dir() else found).append(entry.path)
    return sorted(found)


class DatasetFolder(VisionDataset):
    """Files below `root/<class>/`, each with the number of its class; classes and files are in
    alphabetical order.

    Args:
        loader: makes a sample of a path.
        extensions: which files count; None: ask `is_valid_file`.
        is_valid_file: tells for a path whether it counts, instead of extensions.
        allow_empty: accept classes without a file.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(os.fspath(root), transform, target_transform)
        if (extensions is None) == (is_valid_file is None):
            raise DatasetError(
                f"{type(self).__name__}: needs either extensions or is_valid_file, got"
                f" {'neither' if extensions is None else 'both'}. Give one of them."
            )
        self.loader, self.extensions = loader, extensions
        self.classes, self.class_to_idx = self.find_classes(self.root)
        endings = tuple(extension.lower() for extension in extensions or ())
        counts = is_valid_file or (lambda path: path.lower().endswith(endings))
        self.samples: list[tuple[str, int]] = []
        for name in self.classes:
            found = [path for path in files_below(Path(self.root) / name) if counts(path)]
            if not found and not allow_empty:
                raise DatasetError(
                    f"{type(self).__name__}: every class folder must hold"
                    f" files{f' ending in {extensions}' if extensions else ''}, got none in"
                    f" {Path(self.root) / name}. Remove the folder, or pass allow_empty=True."
                )
            self.samples += [(path, self.class_to_idx[name]) for path in found]
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """The names of the class folders, and the number of each."""
        try:
            classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        except OSError as error:
            raise DatasetError(
                f"{type(self).__name__}: root must be a folder that can be read, got {error}. Check"
                " the path."
            ) from error
        if not classes:
            raise DatasetError(
                f"{type(self).__name__}: root must hold one folder per class, got none in"
                f" {directory}. Sort the files into folders."
            )
        return classes, {name: i for i, name in enumerate(classes)}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Pictures below `root/<class>/`, as PIL images in RGB. Needs Pillow."""

    def __init__(
        self,
        root: str | os.PathLike,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], Any] = pil_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform,
            target_transform,
            is_valid_file,
            allow_empty,
        )
        self.imgs = self.samples
