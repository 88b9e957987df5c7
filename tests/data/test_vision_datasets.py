"""MNIST and its kin: found, fetched from a real server on loopback, and refused with a reason when
anything is wrong.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu.data import DataLoader, current_generator
from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.vision import datasets, transforms
from tinygrad_edu.vision.datasets import DatasetError, download, embedded, idx
from tinygrad_edu.vision.datasets.mnist import File, cache_folder

SHARED = Path(
    os.environ.get("TINYGRAD_EDU_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")
)
needs_mnist = pytest.mark.skipif(
    not (SHARED / "mnist").exists(), reason=f"MNIST is not in {SHARED}; set TINYGRAD_EDU_TEST_DATA"
)


def idx_bytes(array: np.ndarray) -> bytes:
    return (
        struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        + array.astype(np.uint8).tobytes()
    )


RNG = np.random.default_rng(0)
ARRAYS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (40, 28, 28)),
    "train-labels-idx1-ubyte": RNG.integers(0, 10, 40),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (9, 28, 28)),
    "t10k-labels-idx1-ubyte": RNG.integers(0, 10, 9),
}
CONTENT = {name: idx_bytes(array) for name, array in ARRAYS.items()}
PACKED = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in CONTENT.items()}
REPACKED = {f"{name}.gz": gzip.compress(content, 1, mtime=5) for name, content in CONTENT.items()}


class Small(datasets.MNIST):
    """MNIST with 40 and 9 images of noise."""

    mirrors = ("http://127.0.0.1:9/",)  # nobody listens there
    files = tuple(
        File(name, array.shape, hashlib.sha256(CONTENT[name]).hexdigest())
        for name, array in ARRAYS.items()
    )


class Server(ThreadingHTTPServer):
    """A mirror. `plans[name]` is a list of what to do at each request for that file; the last one
    stays.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.plans, self.log, self.ranges = dict(PACKED), {}, [], True
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of some tests


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        name = self.path.lstrip("/")
        wanted = self.headers.get("Range")
        self.server.log.append((name, wanted))
        plan = self.server.plans.get(name) or ["whole"]
        action = plan.pop(0) if len(plan) > 1 else plan[0]
        body = self.server.files.get(name)
        if body is None or action == 404:
            self.send_error(404)
            return
        start = (
            int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        )
        if start >= len(body) and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        part = body[start:]
        if action != "no length":
            self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(
            part[: len(part) // 2] if action == "half" else b"" if action == "nothing" else part
        )

    def log_message(self, *args):
        pass


@contextmanager
def serving():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    with serving() as s:
        yield s


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def mirrored(*urls: str) -> type[Small]:
    return type("Small", (Small,), {"mirrors": urls})


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


# ---- found on disk ----


@pytest.mark.parametrize("where", ["root/Small/raw", "root", "cache/Small"])
@pytest.mark.parametrize("form", ["packed", "unpacked", "repacked"])
def test_files_are_found_in_root_and_cache_packed_or_not(tmp_path, where, form):
    write(tmp_path / where, {"packed": PACKED, "unpacked": CONTENT, "repacked": REPACKED}[form])
    train, test = Small(tmp_path / "root"), Small(tmp_path / "root", train=False)
    assert (train.data.numpy() == ARRAYS["train-images-idx3-ubyte"]).all() and (
        test.targets.numpy() == ARRAYS["t10k-labels-idx1-ubyte"]
    ).all()
    assert (len(train), len(test), train.data.dtype.name, train.targets.dtype.name) == (
        40,
        9,
        "uint8",
        "int64",
    )
    assert isinstance(train.data, Tensor) and train.data.shape == (40, 28, 28)
    train.data.array[0] = 0  # may be written to


def test_without_a_root_only_the_cache_is_looked_into(tmp_path, cache):
    write(cache / "Small", PACKED)
    assert len(Small()) == 40 and Small().root is None


def test_one_split_needs_only_its_two_files(tmp_path):
    write(tmp_path, {name: content for name, content in PACKED.items() if name.startswith("t10k")})
    assert len(Small(tmp_path, train=False, download=True)) == 9
    with pytest.raises(DatasetError, match="train-images-idx3-ubyte.gz"):
        Small(tmp_path)


@pytest.mark.parametrize(
    "env, platform, want",
    [
        ({"TINYGRAD_EDU_CACHE": "/a"}, "linux", "/a"),
        ({"XDG_CACHE_HOME": "/x"}, "linux", "/x/tinygrad_edu"),
        ({}, "linux", "/home/u/.cache/tinygrad_edu"),
        ({}, "darwin", "/home/u/Library/Caches/tinygrad_edu"),
        ({"LOCALAPPDATA": "/l"}, "win32", "/l/tinygrad_edu"),
    ],
)
def test_the_cache_folder_is_the_platforms(monkeypatch, env, platform, want):
    for name in ("TINYGRAD_EDU_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/u"))
    assert cache_folder() == Path(want)


# ---- files that are wrong ----

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    "name, content, says",
    [
        (f"{IMAGES}.gz", PACKED[f"{IMAGES}.gz"][:-9], "truncated"),
        (f"{IMAGES}.gz", b"", "truncated"),
        (f"{IMAGES}.gz", b"<html>not here</html>", "corrupt"),
        (
            f"{IMAGES}.gz",
            PACKED[f"{IMAGES}.gz"][:900] + b"\x55" * 20 + PACKED[f"{IMAGES}.gz"][920:],
            "corrupt",
        ),
        (IMAGES, CONTENT[IMAGES][:-1], "truncated"),
        (IMAGES, CONTENT[IMAGES] + b"\0", "left over"),
        (IMAGES, CONTENT[IMAGES][:7], "truncated"),
        (IMAGES, b"", "magic number"),
        (IMAGES, b"\x89PNG" + CONTENT[IMAGES][4:], "magic number.* 89 50 4e 47"),
        (IMAGES, CONTENT[LABELS], r"\(magic 2051\), got uint8 of shape \(40,\) \(magic 2049\)"),
        (IMAGES, idx_bytes(np.zeros((40, 28, 27))), r"shape \(N, 28, 28\)"),
        (LABELS, idx_bytes(np.zeros(39)), r"equally many, got 40 in .* and 39 in"),
        (LABELS, idx_bytes(np.full(39, 10)), "equally many"),
        (IMAGES, b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"a", "magic number"),
        (
            f"{IMAGES}.gz",
            gzip.compress(idx_bytes(np.zeros((40, 28, 28)))[:-1], mtime=0),
            "truncated",
        ),
        (f"{IMAGES}.gz", gzip.compress(CONTENT[IMAGES] + b"a", mtime=0), "left over"),
        (IMAGES, b"\0\0\x08\x03" + b"\xff" * 12, "truncated"),
    ],
)
def test_a_damaged_or_wrong_file_is_named_with_what_is_wrong_and_what_to_do(
    tmp_path, name, content, says
):
    write(
        tmp_path,
        (
            {k.removesuffix(".gz"): gzip.decompress(v) for k, v in PACKED.items()}
            if not name.endswith(".gz")
            else PACKED
        ),
    )
    write(tmp_path, {name: content})
    with pytest.raises(DatasetError, match=says) as caught:
        Small(tmp_path)
    assert str(tmp_path / name) in str(caught.value) and "Delete it" in str(caught.value)


def test_part_of_the_data_is_taken_and_its_header_counts(tmp_path, recwarn):
    write(tmp_path, {IMAGES: idx_bytes(ARRAYS[IMAGES][:7]), LABELS: idx_bytes(ARRAYS[LABELS][:7])})
    small = Small(tmp_path)
    assert len(small) == 7 and (small.data.numpy() == ARRAYS[IMAGES][:7]).all()
    assert small.targets.tolist() == ARRAYS[LABELS][:7].tolist() and not recwarn.list


def test_labels_beyond_the_classes_are_refused(tmp_path):
    write(tmp_path, {IMAGES: idx_bytes(ARRAYS[IMAGES][:3]), LABELS: idx_bytes(np.full(3, 10))})
    with pytest.raises(DatasetError, match="labels must lie from 0 to 9, got 10"):
        Small(tmp_path)


def test_other_content_of_the_full_size_gives_a_warning(tmp_path):
    write(tmp_path, {**CONTENT, LABELS: idx_bytes(np.zeros(40))})
    with pytest.warns(UserWarning, match="size of the published file but other content"):
        assert Small(tmp_path).targets.tolist() == [0] * 40


def test_a_gzip_file_unpacks_to_no_more_than_its_header_and_its_size_allow(tmp_path):
    whole = struct.pack(">4B3I", 0, 0, 8, 3, 200_000, 28, 28)  # 157 MB
    bomb = gzip.compress(whole + bytes(40_000_000))
    longer = gzip.compress(CONTENT[IMAGES] + bytes(40_000_000))
    write(tmp_path, {f"{IMAGES}.gz": bomb, f"{LABELS}.gz": PACKED[f"{LABELS}.gz"]})
    tracemalloc.start()
    with pytest.raises(DatasetError, match="would unpack to 156,800,016"):
        Small(tmp_path)
    write(tmp_path, {f"{IMAGES}.gz": longer})
    with pytest.raises(DatasetError, match="left over"):
        Small(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    write(tmp_path, PACKED)
    monkeypatch.setattr(
        Path,
        "read_bytes",
        lambda self: (_ for _ in ()).throw(OSError(5, "Input/output error", str(self))),
    )
    with pytest.raises(
        DatasetError, match=rf"{IMAGES}\.gz must be readable, got .*Input/output error"
    ):
        Small(tmp_path)


@pytest.mark.parametrize(
    "kind, dtype", [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
def test_read_idx_reads_every_type_of_the_format(tmp_path, kind, dtype):
    array = np.arange(-3 if dtype != "u1" else 0, 9).astype(dtype)[:6].reshape(2, 3)
    (tmp_path / "x").write_bytes(struct.pack(">BBBBII", 0, 0, kind, 2, 2, 3) + array.tobytes())
    got = idx.read_idx(tmp_path / "x")
    assert got.dtype == array.dtype.newbyteorder("=") and (got == array).all()


# ---- fetched ----


def test_download_fetches_all_four_files_whole_and_only_once(tmp_path, server):
    first = mirrored(server.url)(tmp_path, download=True)
    folder = tmp_path / "Small" / "raw"
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == PACKED
    assert len(server.log) == 4 and first.raw_folder == str(folder)
    mirrored(server.url)(tmp_path, train=False, download=True)
    assert len(server.log) == 4


def test_without_a_root_the_cache_is_filled(cache, server):
    assert len(mirrored(server.url)(download=True)) == 40
    assert len(list((cache / "Small").iterdir())) == 4


def test_a_root_that_cannot_be_made_leaves_the_files_in_the_cache(tmp_path, cache, server):
    (tmp_path / "file").write_text("in the way")
    assert len(mirrored(server.url)(tmp_path / "file" / "root", download=True)) == 40
    assert len(list((cache / "Small").iterdir())) == 4


def test_a_file_recompressed_by_the_mirror_is_accepted_by_its_content(tmp_path, server):
    server.files = dict(REPACKED)
    assert (mirrored(server.url)(tmp_path, download=True).data.numpy() == ARRAYS[IMAGES]).all()


def test_the_second_mirror_serves_when_the_first_does_not_have_a_file(tmp_path, server):
    with serving() as second:
        server.plans = {f"{IMAGES}.gz": [404]}
        mirrored(server.url, second.url)(tmp_path, download=True)
        assert second.log == [(f"{IMAGES}.gz", None)] and len(server.log) == 4


def test_the_second_mirror_serves_when_the_first_is_down_or_sends_something_else(tmp_path, server):
    with serving() as wrong:
        wrong.files = dict.fromkeys(PACKED, b"<html>please log in</html>")
        assert (
            len(mirrored("http://127.0.0.1:9/", wrong.url, server.url)(tmp_path, download=True))
            == 40
        )


def test_wrong_bytes_from_every_mirror_are_refused_and_leave_nothing_behind(tmp_path, server):
    server.files[f"{IMAGES}.gz"] = gzip.compress(CONTENT[IMAGES][:-1] + b"\0")
    with pytest.raises(
        DatasetError, match=f"sent a wrong file.*{IMAGES}.gz must have content with sha256"
    ):
        mirrored(server.url)(tmp_path, download=True)
    assert list((tmp_path / "Small" / "raw").iterdir()) == []


def test_a_transfer_that_breaks_off_is_taken_up_where_it_stopped(tmp_path, server):
    name = f"{IMAGES}.gz"
    server.plans = {name: ["half", "half", "whole"]}
    assert len(mirrored(server.url)(tmp_path, download=True)) == 40
    half, rest = len(PACKED[name]) // 2, len(PACKED[name]) - len(PACKED[name]) // 2
    assert server.log[:3] == [
        (name, None),
        (name, f"bytes={half}-"),
        (name, f"bytes={half + rest // 2}-"),
    ]


def test_an_interrupted_download_is_continued_by_the_next_call(tmp_path, server):
    name = f"{IMAGES}.gz"
    folder = write(tmp_path / "Small" / "raw", {f"{name}.part": PACKED[name][:100]})
    mirrored(server.url)(tmp_path, download=True)
    assert (
        server.log[0] == (name, "bytes=100-")
        and {p.name: p.read_bytes() for p in folder.iterdir()} == PACKED
    )


@pytest.mark.parametrize("begun", ["all of it", "garbage", "too much"])
@pytest.mark.parametrize("ranges", [True, False])
def test_whatever_an_earlier_download_left_the_file_becomes_right(tmp_path, server, begun, ranges):
    name, server.ranges = f"{IMAGES}.gz", ranges
    folder = write(
        tmp_path / "Small" / "raw",
        {
            f"{name}.part": {
                "all of it": PACKED[name],
                "garbage": b"x" * 100,
                "too much": PACKED[name] + b"x" * 100,
            }[begun]
        },
    )
    mirrored(server.url)(tmp_path, download=True)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == PACKED


def test_a_server_that_tells_no_length_is_good_enough(tmp_path, server):
    server.plans = dict.fromkeys(PACKED, ["no length"])
    assert len(mirrored(server.url)(tmp_path, download=True)) == 40


@pytest.mark.parametrize("action", ["half", "nothing"])
def test_a_server_that_always_breaks_off_is_given_up_and_the_part_is_kept_for_later(
    tmp_path, server, action
):
    server.plans = {f"{IMAGES}.gz": [action]}
    with pytest.raises(DatasetError, match="broke off after"):
        mirrored(server.url)(tmp_path, download=True)
    left = [p.name for p in (tmp_path / "Small" / "raw").iterdir()]
    assert left == ([f"{IMAGES}.gz.part"] if action == "half" else [])
    server.plans = {}
    assert len(mirrored(server.url)(tmp_path, download=True)) == 40


def test_no_network_says_which_files_from_where_and_into_which_folder(tmp_path):
    with pytest.raises(RuntimeError) as caught:
        mirrored("http://127.0.0.1:9/a/", "http://127.0.0.1:9/b/")(tmp_path, download=True)
    text = str(caught.value)
    for name in PACKED:
        assert f"\n    {name}\n" in text
    assert "\n    http://127.0.0.1:9/a/\n    http://127.0.0.1:9/b/\n" in text
    assert text.endswith(f"put them into\n    {tmp_path / 'Small' / 'raw'}") and "refused" in text


def test_missing_files_without_download_say_so(tmp_path):
    with pytest.raises(
        RuntimeError,
        match=(
            r"(?s)MNIST: needs"
            r" files.*train-labels-idx1-ubyte.gz.*download=True.*ossci-datasets.*cvdf-datasets"
        ),
    ):
        datasets.MNIST(tmp_path)
    with pytest.raises(RuntimeError, match=r"(?s)FashionMNIST: .*https://fashion-mnist\.s3"):
        datasets.FashionMNIST(tmp_path, train=False)


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path, server):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    (tmp_path / "x.gz.part").symlink_to("/dev/full")
    with pytest.raises(DatasetError, match=r"x\.gz\.part could not be written: .*No space left"):
        download.fetch([server.url + f"{IMAGES}.gz"], tmp_path / "x.gz", lambda path: None)
    assert not (tmp_path / "x.gz").exists()


@contextmanager
def answering(answer):
    """A server whose answer to each request is written by `answer(handler)`."""
    original = Handler.do_GET
    Handler.do_GET = answer
    try:
        with serving() as server:
            yield server.url
    finally:
        Handler.do_GET = original


def test_every_address_is_https_and_has_a_sha256():
    for kind in (datasets.MNIST, datasets.FashionMNIST):
        assert all(url.startswith("https://") for url in kind.mirrors)
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in kind.files)


@pytest.mark.parametrize("length", ["abc", "9" * 5000, "-5", "1e3", "٣"])
def test_a_content_length_that_is_no_size_is_a_reason_among_others(tmp_path, length):
    def answer(self):
        self.wfile.write(f"HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\nxyz".encode())

    with answering(answer) as url, pytest.raises(DatasetError, match="which is not a size") as e:
        download.fetch([url + "f"], tmp_path / "f", lambda path: None)
    assert len(str(e.value)) < 500 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("told", [True, False])
def test_more_bytes_than_the_limit_are_refused_and_not_kept(tmp_path, told):
    def answer(self):
        self.send_response(200)
        if told:
            self.send_header("Content-Length", "10000000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(bytes(100_000))

    with answering(answer) as url, pytest.raises(DatasetError, match="more than 300,000"):
        download.fetch([url + "f"], tmp_path / "f", lambda path: None, limit=300_000)
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 300_000


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_for_ever(
    tmp_path, monkeypatch, part
):
    monkeypatch.setattr(download, "WHOLE", 0.5)
    stop = threading.Event()

    def answer(self):
        self.wfile.write(b"HTTP/1.0 200 OK\r\n" + (b"\r\n" if part == "body" else b"A: "))
        with suppress(OSError):
            while not stop.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()

    with answering(answer) as url:
        begun = time.monotonic()
        with pytest.raises(DatasetError, match="took more than 0.5 seconds"):
            download.fetch([url + "f"], tmp_path / "f", lambda path: None)
        stop.set()
    assert time.monotonic() - begun < 60  # it sends for as long as it is listened to


def test_https_does_not_lead_to_an_address_without_it():
    request = urllib.request.Request("https://example.org/f")
    with pytest.raises(urllib.error.URLError, match="without it"):
        download.Redirects().redirect_request(request, None, 302, "", {}, "http://example.org/f")


def test_several_processes_fetch_one_file_once(tmp_path, server):
    code = (
        "import sys; from pathlib import Path; from tinygrad_edu.vision.datasets.download import"
        " fetch; print(fetch([sys.argv[1]], Path(sys.argv[2]), lambda path: None))"
    )
    command = [sys.executable, "-c", code, server.url + f"{IMAGES}.gz", str(tmp_path / "f")]
    root = Path(__file__).parents[2]
    several = [
        subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in several:
        out, err = process.communicate(timeout=120)
        assert out.decode().strip() == str(tmp_path / "f"), err.decode()
    assert len(server.log) == 1 and [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_kill_during_a_download_leaves_no_file_under_its_final_name(tmp_path, server):
    stall = threading.Event()
    original = Handler.do_GET

    def slow(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"x" * 200_000)
        self.wfile.flush()
        stall.wait(20)

    Handler.do_GET = slow
    try:
        script = (
            "from pathlib import Path\nfrom tinygrad_edu.vision.datasets.download import"
            f" fetch\nfetch(['{server.url}f.gz'], Path({str(tmp_path / 'f.gz')!r}), lambda p: None)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[2],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "f.gz: fetching 1.0 MB" in process.stderr.readline()
        process.kill()
        process.communicate(timeout=20)
    finally:
        Handler.do_GET = original
        stall.set()
    assert not (tmp_path / "f.gz").exists()


def test_progress_is_shown_on_stderr_with_and_without_rich(tmp_path, server, capfd, monkeypatch):
    mirrored(server.url)(tmp_path, download=True)
    plain = capfd.readouterr()
    assert plain.out == "" and f"{IMAGES}.gz: 0.0 of 0.0 MB (100 %)" in plain.err
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    mirrored(server.url)(tmp_path / "again", download=True)
    assert IMAGES in capfd.readouterr().err


# ---- what the data sets hand out ----


def test_samples_are_pil_images_or_arrays_that_transforms_take_alike(tmp_path, monkeypatch):
    write(tmp_path, PACKED)
    chain = transforms.Compose(
        [
            transforms.RandomCrop(28, padding=3),
            transforms.RandomRotation(20),
            transforms.ToTensor(),
            transforms.Normalize((0.1,), (0.3,)),
        ]
    )

    def load(transform):
        dataset = Small(tmp_path, transform=transform)
        return [dataset[i] for i in (0, -1)], (
            [x.numpy() for x, _ in DataLoader(dataset, 8, generator=Generator().manual_seed(1))]
            if transform
            else None
        )

    from tinygrad_edu.engine.device import Generator
    from tinygrad_edu.vision import pillow
    from tinygrad_edu.vision.datasets import base

    pytest.importorskip("PIL")
    plain, _ = load(None)
    assert (
        plain[0][0].size == (28, 28)
        and plain[0][0].mode == "L"
        and type(plain[0][1]) is int
        and plain[1][1] == ARRAYS[LABELS][-1]
    )
    _, with_pillow = load(chain)
    for module in (pillow, base):
        monkeypatch.setattr(module, "pillow", lambda: None)
    plain, _ = load(None)
    assert plain[0][0].shape == (28, 28) and plain[0][0].dtype == np.uint8
    _, without = load(chain)
    assert all((a == b).all() for a, b in zip(with_pillow, without, strict=True))


def test_whole_batches_equal_sample_by_sample(tmp_path):
    write(tmp_path, PACKED)
    quick = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    slow = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Lambda(lambda x: x),
            transforms.Normalize((0.1307,), (0.3081,)),
        ]
    )
    for a, b in ((quick, slow), (transforms.ToTensor(), transforms.Lambda(transforms.ToTensor()))):
        batches = [list(DataLoader(Small(tmp_path, transform=t), 16)) for t in (a, b)]
        for (x, y), (u, v) in zip(*batches, strict=True):
            assert (
                x.dtype is u.dtype
                and y.dtype is v.dtype
                and x.shape == u.shape
                and (x.numpy() == u.numpy()).all()
                and (y.numpy() == v.numpy()).all()
            )
    image, label = next(iter(DataLoader(Small(tmp_path, transform=quick), 4, collate_fn=list)))[3]
    assert image.shape == (1, 28, 28) and type(label) is int


def test_a_subclass_that_changes_getitem_is_asked_for_every_sample(tmp_path):
    write(tmp_path, PACKED)

    class WithIndex(Small):
        def __getitem__(self, i):
            return (*super().__getitem__(i), i)

    assert [
        b[2].tolist()
        for b in DataLoader(WithIndex(tmp_path, train=False, transform=transforms.ToTensor()), 5)
    ] == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]


def test_transforms_see_targets_too_and_draw_the_same_with_any_number_of_workers(tmp_path):
    write(tmp_path, PACKED)
    chain = transforms.Compose(
        [
            transforms.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 5),
            transforms.ToTensor(),
            transforms.RandomErasing(value="random"),
        ]
    )

    def run(n):
        from tinygrad_edu.engine.device import Generator

        dataset = Small(
            tmp_path,
            transform=chain,
            target_transform=lambda y: y + current_generator().numpy.random(),
        )
        return [
            (x.tolist(), y.tolist())
            for x, y in DataLoader(
                dataset, 7, shuffle=True, num_workers=n, generator=Generator().manual_seed(4)
            )
        ]

    assert run(0) == run(1) == run(3)


def test_a_data_set_prints_what_it_is(tmp_path):
    write(tmp_path, PACKED)
    text = repr(Small(tmp_path, train=False, transform=transforms.Compose([transforms.ToTensor()])))
    assert (
        text
        == f"Dataset Small\n    Number of datapoints: 9\n    Root location: {tmp_path}\n    Split:"
        " Test\n    Transform: Compose(\n        ToTensor()\n    )"
    )
    assert (
        Small(tmp_path).class_to_idx["3 - three"] == 3
        and datasets.FashionMNIST.classes[9] == "Ankle boot"
    )


@needs_mnist
@pytest.mark.parametrize(
    "kind, folder, mean, std, first",
    [
        (datasets.MNIST, "mnist", 0.1307, 0.3081, [5, 0, 4, 1]),
        (datasets.FashionMNIST, "fashion_mnist", 0.2860, 0.3530, [9, 0, 0, 3]),
    ],
)
def test_the_real_files_are_accepted_and_have_the_known_mean_and_deviation(
    kind, folder, mean, std, first
):
    train, test = kind(SHARED / folder), kind(SHARED / folder, train=False)
    pixels = train.data.numpy() / 255
    assert (len(train), len(test)) == (60000, 10000) and train.targets.tolist()[:4] == first
    assert abs(pixels.mean() - mean) < 5e-5 and abs(pixels.std() - std) < 5e-5
    x, y = train[0]
    assert y == first[0] and np.asarray(x).sum() == train.data.numpy()[0].sum()


@needs_mnist
def test_one_data_set_is_not_taken_for_the_other():
    with pytest.warns(UserWarning, match="belongs to another data set"):
        datasets.MNIST(SHARED / "fashion_mnist", train=False)


@needs_mnist
def test_the_real_mnist_comes_through_a_download_by_its_sha256(tmp_path, server):
    server.files = {p.name: p.read_bytes() for p in (SHARED / "mnist").glob("*.gz")}
    server.plans = {"train-images-idx3-ubyte.gz": ["half", "whole"]}
    real = type("MNIST", (datasets.MNIST,), {"mirrors": (server.url,)})
    assert len(real(tmp_path, download=True)) == 60000


# ---- the digits in the package ----


def test_the_embedded_digits_are_500_of_each_class_and_need_no_files():
    digits = datasets.MNIST5k()
    assert (
        digits.data.shape == (5000, 28, 28)
        and digits.data.dtype.name == "uint8"
        and digits.targets.dtype.name == "int64"
    )
    assert np.bincount(digits.targets.numpy()).tolist() == [500] * 10 and len(digits.classes) == 10
    assert len({image.tobytes() for image in digits.data.numpy()}) == 5000
    notice = (Path(embedded.__file__).parents[1] / "embedded" / "NOTICE").read_text()
    assert all(
        text in notice
        for text in (
            "Yann LeCun",
            "Corinna Cortes",
            "CC BY-SA 3.0",
            "Sebastian Raschka",
            "New BSD License",
        )
    )


@needs_mnist
def test_the_embedded_digits_are_training_images_with_their_labels_and_no_test_images():
    digits = datasets.MNIST5k()
    train = {
        image.tobytes(): label
        for image, label in zip(
            *(
                t.numpy()
                for t in (
                    datasets.MNIST(SHARED / "mnist").data,
                    datasets.MNIST(SHARED / "mnist").targets,
                )
            )
        )
    }
    test = {image.tobytes() for image in datasets.MNIST(SHARED / "mnist", train=False).data.numpy()}
    for image, label in zip(digits.data.numpy(), digits.targets.numpy()):
        assert train[image.tobytes()] == label and image.tobytes() not in test


def test_damaged_or_missing_embedded_digits_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded.resources, "files", lambda package: tmp_path)
    with pytest.raises(DatasetError, match="Install tinygrad_edu again"):
        datasets.MNIST5k()
    write(tmp_path / "embedded", {"mnist5k.npz": b"PK something"})
    with pytest.raises(DatasetError, match="sha256"):
        datasets.MNIST5k()


# ---- the others ----


def test_fake_data_repeats_itself():
    a, b = (datasets.FakeData(5, (3, 8, 6), 4, transform=transforms.ToTensor()) for _ in range(2))
    assert (
        a[2][0].shape == (3, 8, 6)
        and (a[2][0].numpy() == b[-3][0].numpy()).all()
        and a[2][1] == b[-3][1] < 4
    )
    assert (a[1][0].numpy() != a[2][0].numpy()).any()
    with pytest.raises(IndexError):
        a[5]


def test_image_folder_finds_classes_and_pictures_in_order(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, color in (
        ("dogs/b.png", 20),
        ("dogs/a.jpg", 10),
        ("cats/x/deep.PNG", 30),
        ("cats/note.txt", None),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.new("L", (4, 3), color).save(path) if color else path.write_text("no picture")
    folder = datasets.ImageFolder(tmp_path, transform=transforms.PILToTensor())
    assert folder.classes == ["cats", "dogs"] and [
        (Path(p).name, t) for p, t in folder.samples
    ] == [("deep.PNG", 0), ("a.jpg", 1), ("b.png", 1)]
    assert (
        folder[0][0].shape == (3, 3, 4)
        and folder[0][0].numpy().max() == 30
        and folder.targets == [0, 1, 1]
    )
    (tmp_path / "dogs/b.png").write_bytes((tmp_path / "dogs/b.png").read_bytes()[:40])
    with pytest.raises(DatasetError, match=r"b\.png must be a whole picture"):
        folder[2]


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda p: datasets.ImageFolder(p / "none"), "can be read"),
        (lambda p: datasets.ImageFolder(p), "one folder per class"),
        (lambda p: (p / "a").mkdir() or datasets.ImageFolder(p), "must hold files"),
        (lambda p: datasets.DatasetFolder(p, open), "extensions or is_valid_file"),
    ],
)
def test_a_folder_without_classes_or_pictures_is_refused(tmp_path, make, says):
    with pytest.raises(TinygradEduError, match=says):
        make(tmp_path)
