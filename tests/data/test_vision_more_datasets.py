"""CIFAR, KMNIST and EMNIST: found, fetched from a server on loopback, refused when wrong."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tests.support.vision import torchvision_or_skip
from tinygrad_edu.data import DataLoader
from tinygrad_edu.vision import datasets, transforms
from tinygrad_edu.vision.datasets import DatasetError, emnist, mnist
from tinygrad_edu.vision.datasets.mnist import File

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def serving(files: dict[str, bytes]):
    """The address of a server on loopback that has these files."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = files.get(self.path.lstrip("/"))
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ---- CIFAR ---------------------------------------------------------------------------------------


def text(value: bytes) -> bytes:
    """A text as Python 2 pickles it."""
    return pickle.SHORT_BINSTRING + bytes([len(value)]) + value


def integer(n: int) -> bytes:
    return pickle.BININT + struct.pack("<i", n)


def listed(items: list[bytes]) -> bytes:
    return pickle.EMPTY_LIST + pickle.MARK + b"".join(items) + pickle.APPENDS


def table(**items: bytes) -> bytes:
    """A dict, as Python 2 pickles it with protocol 2."""
    body = b"".join(text(key.encode()) + value for key, value in items.items())
    return b"\x80\x02" + pickle.EMPTY_DICT + pickle.MARK + body + pickle.SETITEMS + pickle.STOP


def array(pixels: np.ndarray) -> bytes:
    """A uint8 array, as NumPy under Python 2 pickles it."""
    raw = pixels.tobytes()
    three = pickle.TUPLE3
    blank = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    kind = b"cnumpy\ndtype\n" + text(b"u1") + integer(0) + integer(1) + three + pickle.REDUCE
    order = pickle.MARK + integer(3) + text(b"|") + pickle.NONE * 3
    kind += order + integer(-1) * 2 + integer(0) + pickle.TUPLE + pickle.BUILD
    shape = integer(pixels.shape[0]) + integer(pixels.shape[1]) + pickle.TUPLE2
    data = pickle.BINSTRING + struct.pack("<i", len(raw)) + raw
    state = pickle.MARK + integer(1) + shape + kind + pickle.NEWFALSE + data + pickle.TUPLE
    start = blank + integer(0) + pickle.TUPLE1 + text(b"b") + three + pickle.REDUCE
    return start + state + pickle.BUILD


def batch(pixels: np.ndarray, labels: list[int], key: str = "labels") -> bytes:
    return table(
        batch_label=text(b"a batch"), data=array(pixels), **{key: listed([*map(integer, labels)])}
    )


def pixels(n: int) -> np.ndarray:
    return RNG.integers(0, 256, (n, 3072), np.uint8)


NAMES = [b"airplane", b"automobile", b"bird"]
ROWS = {f"data_batch_{i}": pixels(2) for i in range(1, 6)} | {"test_batch": pixels(3)}
CIFAR10 = {name: batch(rows, [2, 0, 1][: len(rows)]) for name, rows in ROWS.items()}
CIFAR10["batches.meta"] = table(label_names=listed([text(name) for name in NAMES]))


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def packed(folder: str, files: dict[str, bytes]) -> bytes:
    """A tar.gz of files in a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_the_pickles_of_these_tests_are_what_python_reads():
    found = pickle.loads(CIFAR10["test_batch"], encoding="bytes")
    assert (found[b"data"] == ROWS["test_batch"]).all() and found[b"labels"] == [2, 0, 1]


@pytest.mark.parametrize("where", ["root/cifar-10-batches-py", "root", "cache/CIFAR"])
def test_cifar10_is_read_from_root_and_cache(tmp_path, where):
    write(tmp_path / where, CIFAR10)
    train = datasets.CIFAR10(tmp_path / "root")
    test = datasets.CIFAR10(tmp_path / "root", train=False)
    assert train.data.shape == (10, 32, 32, 3) and train.targets == [2, 0] * 5
    red, green, blue = ROWS["test_batch"][1].reshape(3, 32, 32)
    assert (test.data[1] == np.stack([red, green, blue], -1)).all()
    assert test.classes == ["airplane", "automobile", "bird"]
    assert test.class_to_idx["bird"] == 2 and test.targets == [2, 0, 1]


def test_cifar10_feeds_a_loader(tmp_path):
    write(tmp_path / "cifar-10-batches-py", CIFAR10)
    data = datasets.CIFAR10(tmp_path, train=False, transform=transforms.ToTensor())
    images, labels = next(iter(DataLoader(data, batch_size=3)))
    assert images.shape == (3, 3, 32, 32) and labels.tolist() == [2, 0, 1]
    expected = ROWS["test_batch"].reshape(3, 3, 32, 32) / np.float32(255)
    np.testing.assert_array_equal(images.numpy(), expected)


def test_cifar100_reads_fine_labels(tmp_path):
    meta = table(fine_label_names=listed([text(b"apple"), text(b"fish")]))
    files = {"train": batch(pixels(4), [1, 0, 1, 1], "fine_labels"), "meta": meta}
    write(tmp_path / "cifar-100-python", files)
    found = datasets.CIFAR100(tmp_path)
    assert found.targets == [1, 0, 1, 1] and found.classes == ["apple", "fish"]


def test_a_batch_of_the_full_size_fits_the_memory_that_is_allowed(tmp_path):
    rows = np.zeros((10_000, 3072), np.uint8)
    write(tmp_path, {**CIFAR10, "test_batch": batch(rows, [0] * 10_000)})
    assert len(datasets.CIFAR10(tmp_path, train=False)) == 10_000


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "must be a file of the data set"),
        (b"<html>not here</html>", "must be a file of the data set"),
        (CIFAR10["test_batch"][:-9], "must be a file of the data set"),
        (b"\x80\x02cposix\nsystem\nU\x02lsR.", "posix.system"),
        (listed([integer(1)]) + pickle.STOP, "list and no table"),
        (table(labels=listed([integer(0)])), "hold 'data'"),
        (batch(np.zeros((1, 3071), np.uint8), [0]), "3,071"),
        (batch(pixels(2), [0]), "one number for each image"),
        (batch(pixels(2), [0, 3]), "labels from 0 to 2"),
    ],
)
def test_a_wrong_cifar_file_is_named_with_what_is_wrong(tmp_path, content, says):
    write(tmp_path, {**CIFAR10, "test_batch": content})
    with pytest.raises(DatasetError, match=says) as caught:
        datasets.CIFAR10(tmp_path, train=False)
    assert str(tmp_path / "test_batch") in str(caught.value)
    assert "download=True" in str(caught.value)


def test_missing_cifar_files_tell_where_to_get_them(tmp_path):
    with pytest.raises(DatasetError, match="cifar-10-python.tar.gz") as caught:
        datasets.CIFAR10(tmp_path)
    assert "download=True" in str(caught.value) and str(tmp_path) in str(caught.value)


def fetched(url: str, body: bytes) -> type:
    """CIFAR10 from another server."""
    known = {"url": f"{url}c.tar.gz", "sha256": hashlib.sha256(body).hexdigest()}
    return type("Fetched", (datasets.CIFAR10,), known)


def test_cifar_is_fetched_unpacked_and_then_found(tmp_path):
    more = {"readme.html": b"x", "../evil": b"y"}
    body = packed("cifar-10-batches-py", {**CIFAR10, **more})
    with serving({"c.tar.gz": body}) as url:
        assert len(fetched(url, body)(tmp_path / "root", download=True)) == 10
    folder = tmp_path / "root" / "cifar-10-batches-py"
    assert {p.name for p in folder.iterdir()} == set(CIFAR10)
    assert not (tmp_path / "root" / "evil").exists()
    assert len(datasets.CIFAR10(tmp_path / "root", download=True)) == 10


def test_a_wrong_cifar_archive_is_refused_and_leaves_nothing(tmp_path):
    body = packed("cifar-10-batches-py", CIFAR10)
    with serving({"c.tar.gz": body[:-1] + b"x"}) as url:
        with pytest.raises(DatasetError, match="sha256"):
            fetched(url, body)(tmp_path / "root", download=True)
    assert list((tmp_path / "root").iterdir()) == []


def test_an_archive_without_the_files_is_refused(tmp_path):
    body = packed("cifar-10-batches-py", {"test_batch": CIFAR10["test_batch"]})
    with serving({"c.tar.gz": body}) as url:
        with pytest.raises(DatasetError, match=r"must hold batches.meta, data_batch_1"):
            fetched(url, body)(tmp_path, download=True)


# ---- MNIST's kin ---------------------------------------------------------------------------------


def idx(values: np.ndarray) -> bytes:
    head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(head + values.astype(np.uint8).tobytes(), mtime=0)


def test_kmnist_checks_the_hash_of_the_gzip_file(tmp_path):
    names = [file.name for file in datasets.KMNIST.files]
    images, labels = idx(RNG.integers(0, 256, (3, 28, 28))), idx(np.array([0, 9, 4]))
    served = {f"{n}.gz": images if "images" in n else labels for n in names}
    known = tuple(
        File(n, (3, 28, 28) if "images" in n else (3,), packed_sha256=hashlib.sha256(b).hexdigest())
        for n, b in zip(names, served.values(), strict=True)
    )
    with serving(served) as url:
        kind = type("Kin", (datasets.KMNIST,), {"mirrors": (url,), "files": known})
        assert kind(tmp_path / "a", download=True).targets.tolist() == [0, 9, 4]
        served[f"{names[1]}.gz"] = idx(np.array([0, 9, 5]))
        with pytest.raises(DatasetError, match="have the sha256"):
            kind(tmp_path / "b", download=True)


def letters(monkeypatch) -> bytes:
    """An archive of EMNIST with 3 and 2 letters."""
    monkeypatch.setitem(emnist.SPLITS, "letters", (3, 2, emnist.SPLITS["letters"][2]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part, n in (("train", 3), ("test", 2)):
            name = f"gzip/emnist-letters-{part}"
            images = RNG.integers(0, 256, (n, 28, 28))
            archive.writestr(f"{name}-images-idx3-ubyte.gz", idx(images))
            archive.writestr(f"{name}-labels-idx1-ubyte.gz", idx(np.array([1, 26, 3][:n])))
    return buffer.getvalue()


def test_emnist_takes_its_split_out_of_the_archive(tmp_path, monkeypatch):
    body = letters(monkeypatch)
    monkeypatch.setattr(datasets.EMNIST, "md5", hashlib.md5(body).hexdigest())
    with serving({"gzip.zip": body}) as url:
        monkeypatch.setattr(datasets.EMNIST, "url", f"{url}gzip.zip")
        train = datasets.EMNIST(tmp_path, split="letters", download=True)
    assert train.targets.tolist() == [1, 26, 3] and train.classes[26] == "z"
    test = datasets.EMNIST(tmp_path, "letters", train=False)
    assert test.data.shape == (2, 28, 28) and "emnist-letters" in str(test._find(test.files[2]))


def test_a_wrong_emnist_archive_is_refused(tmp_path, monkeypatch):
    with serving({"gzip.zip": letters(monkeypatch)}) as url:
        monkeypatch.setattr(datasets.EMNIST, "url", f"{url}gzip.zip")
        with pytest.raises(DatasetError, match="must have the md5"):
            datasets.EMNIST(tmp_path, "letters", download=True)
    with pytest.raises(DatasetError, match="byclass, bymerge"):
        datasets.EMNIST(tmp_path, "capitals")


def test_older_names_of_data_and_targets_warn(tmp_path):
    files = {"t10k-images-idx3-ubyte.gz": idx(np.zeros((2, 28, 28)))}
    files["t10k-labels-idx1-ubyte.gz"] = idx(np.array([7, 1]))
    data = datasets.MNIST(write(tmp_path, files), train=False)
    with pytest.warns(UserWarning, match="renamed targets"):
        assert data.test_labels is data.targets and data.train_labels is data.targets
    with pytest.warns(UserWarning, match="renamed data"):
        assert data.train_data is data.data and data.test_data is data.data


def test_classes_and_places_are_torchvisions():
    theirs = torchvision_or_skip().datasets
    assert datasets.KMNIST.classes == theirs.KMNIST.classes
    for split in datasets.EMNIST.splits:
        assert emnist.SPLITS[split][2] == theirs.EMNIST.classes_split_dict[split]
    for name in ("CIFAR10", "CIFAR100"):
        ours, real = getattr(datasets, name), getattr(theirs, name)
        assert (ours.base_folder, ours.url) == (real.base_folder, real.url)
        assert [*ours.train_list, *ours.test_list] == [
            file for file, _ in real.train_list + real.test_list
        ]
        assert ours.meta == (real.meta["filename"], real.meta["key"])


def test_downloads_are_encrypted():
    kinds = (datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST, datasets.EMNIST)
    urls = [url for kind in kinds for url in kind.mirrors]
    urls += [datasets.CIFAR10.url, datasets.CIFAR100.url, datasets.EMNIST.url]
    assert all(url.startswith("https://") for url in urls)
    files = [file for kind in kinds[:3] for file in kind.files]
    assert all(len(file.sha256 or file.packed_sha256) == 64 for file in files)
    assert mnist.File("x", (1,)).size == 9
