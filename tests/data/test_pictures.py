"""Pictures from files: a few formats, whatever a file is called; nothing swells, no program starts,
and every error is one of ours.
"""

from __future__ import annotations

import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.vision import pillow
from tinygrad_edu.vision.datasets import ImageFolder
from tinygrad_edu.vision.datasets.base import DatasetError
from tinygrad_edu.vision.datasets.folder import files_below, pil_loader
from tinygrad_edu.vision.read_digit import ImageError, read_digit

PIL = pytest.importorskip("PIL.Image")
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def blank_png(width: int, height: int) -> bytes:
    """A small file with many black pixels."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes((width + 7) // 8 + 1)) for _ in range(height))
    head = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", rows + packer.flush()) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "gif", "tiff", "ppm"])
def test_the_formats_of_the_list_are_read(tmp_path, ending):
    PIL.fromarray(PIXELS).save(tmp_path / f"a.{ending}")
    image = pil_loader(str(tmp_path / f"a.{ending}"))
    assert image.mode == "RGB" and np.asarray(image).shape == (8, 9, 3)


@pytest.mark.parametrize("ending", ["eps", "ico", "pcx", "sgi", "tga", "dds", "pdf"])
def test_other_formats_are_refused_under_any_name(tmp_path, ending):
    PIL.fromarray(PIXELS).save(tmp_path / f"a.{ending}")
    (tmp_path / f"a.{ending}").rename(tmp_path / "a.png")
    with pytest.raises(DatasetError, match="must be a whole picture"):
        pil_loader(str(tmp_path / "a.png"))
    with pytest.raises(ImageError, match="must be a whole image"):
        read_digit(tmp_path / "a.png")


def test_postscript_named_png_starts_no_program(tmp_path, monkeypatch):
    started = tmp_path / "started"
    fake = tmp_path / "bin" / "gs"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\ntouch {started}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(DatasetError):
        pil_loader(str(path))
    with pytest.raises(ImageError):
        read_digit(path)
    assert not started.exists()


def test_a_small_file_with_very_many_pixels_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(blank_png(5000, 4000))
    with pytest.raises(DatasetError, match="5000 x 4000 pixels in a file of"):
        pil_loader(str(tmp_path / "a.png"))
    with pytest.raises(ImageError, match="bytes of memory"):
        read_digit(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(blank_png(3840, 2160))  # a whole screen
    assert pil_loader(str(tmp_path / "b.png")).size == (3840, 2160)


@pytest.mark.filterwarnings("ignore")  # Pillow's own words about damaged files
@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "gif", "tiff"])
def test_damaged_pictures_are_read_or_refused_with_our_errors(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    PIL.fromarray(PIXELS).save(path)
    good, rng = path.read_bytes(), random.Random(0)
    for _ in range(60):
        data = bytearray(good)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
        for reader in (pil_loader, read_digit):
            try:
                reader(str(path))
            except TinygradEduError as error:
                assert len(str(error)) < 1000


@pytest.mark.parametrize("error", [MemoryError, NotImplementedError, RuntimeError, IndexError])
def test_whatever_pillow_raises_becomes_ours(tmp_path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    PIL.fromarray(PIXELS).save(tmp_path / "a.png")
    monkeypatch.setattr(pillow.pillow(), "open", fail)
    with pytest.raises(DatasetError, match=error.__name__):
        pil_loader(str(tmp_path / "a.png"))
    with pytest.raises(ImageError, match=error.__name__):
        read_digit(tmp_path / "a.png")


def test_devices_and_fifos_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for path in (str(tmp_path / "a.png"), "/dev/zero", str(tmp_path)):
        with pytest.raises(DatasetError, match="not a file"):
            pil_loader(path)


def test_links_that_lead_back_end(tmp_path):
    (tmp_path / "cats" / "more").mkdir(parents=True)
    PIL.fromarray(PIXELS).save(tmp_path / "cats" / "more" / "a.png")
    for name in ("here", "again"):
        (tmp_path / "cats" / name).symlink_to(".")
    (tmp_path / "cats" / "more" / "up").symlink_to("../..")
    assert [Path(p).name for p in files_below(tmp_path / "cats")] == ["a.png"]
    assert len(ImageFolder(tmp_path)) == 1


def test_a_link_to_another_folder_is_followed(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "root" / "cats").mkdir(parents=True)
    PIL.fromarray(PIXELS).save(tmp_path / "store" / "a.png")
    (tmp_path / "root" / "cats" / "link").symlink_to(tmp_path / "store")
    assert len(ImageFolder(tmp_path / "root")) == 1
