"""The playground without a browser: it learns, its answers are the network's own, and its server
takes nothing from elsewhere and nothing that is too large.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.cli import main
from tinygrad_edu.learn.playground.digits import WEIGHTS, DigitError, DigitReader, prepare
from tinygrad_edu.learn.playground.points import KINDS, RADIUS, make_points
from tinygrad_edu.learn.playground.settings import REACH, SettingError, Settings, read_settings
from tinygrad_edu.learn.playground.training import GRID, Training
from tinygrad_edu.train.sources.pictures import find_digits

PAGES = WEIGHTS.parent / "pages"


def trained(steps: int, **given) -> Training:
    training = Training(read_settings(given))
    for _ in range(steps):
        training.step()
    return training


def head_of(training: Training) -> dict:
    return training.view(True)[0]


# ---- the points ----


@pytest.mark.parametrize("kind", KINDS)
def test_points_follow_from_the_seed_and_lie_on_the_map(kind):
    (points, labels), (tests, test_labels) = make_points(kind, 0.0, 3)
    assert points.shape == (200, 2) and tests.shape == (100, 2)
    assert labels.sum() == 100 and test_labels.sum() == 50
    assert tg.equal(points, make_points(kind, 0.0, 3)[0][0])
    assert not tg.equal(points, make_points(kind, 0.0, 4)[0][0])
    if kind != "gaussians":
        assert (points.abs() <= RADIUS).all()
    noise = make_points(kind, 0.1, 3)[0][0] - points
    assert noise.std().item() == pytest.approx(0.1 * RADIUS, rel=0.15)


# ---- learning ----


@pytest.mark.parametrize(
    "data, steps, given",
    [
        ("circle", 250, {}),
        ("xor", 250, {"optimizer": "rmsprop", "lr": 0.01}),
        ("gaussians", 250, {"optimizer": "sgd", "lr": 0.1}),
        ("spiral", 500, {"layers": [8, 8]}),
        ("circle", 250, {"layers": [], "features": ["x²", "y²"], "lr": 0.1}),
        ("xor", 250, {"layers": [], "features": ["xy"], "optimizer": "momentum"}),
    ],
)
def test_every_data_set_can_be_learnt(data, steps, given):
    training = trained(0, data=data, **given)
    first = head_of(training)["train"]
    for _ in range(steps):
        training.step()
    head = head_of(training)
    assert head["train"] < 0.3 * first
    assert head["test_accuracy"] >= 0.93
    assert head["steps"] == steps and head["epochs"] == steps / 10


def test_a_seed_repeats_a_training_and_another_does_not():
    first, again = (head_of(trained(30, seed=1)) for _ in range(2))
    assert first == again
    assert first["weights"] != head_of(trained(30, seed=2))["weights"]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_weights_and_gradients_are_those_of_pytorch(optimizer):
    torch = pytest.importorskip("torch")
    training = trained(0, penalty="l2", penalty_rate=0.01, optimizer=optimizer)
    weights = [
        torch.tensor(p.detach().numpy(), requires_grad=True) for p in training.model.parameters()
    ]
    kinds = {
        "sgd": lambda: torch.optim.SGD(weights, lr=0.03),
        "momentum": lambda: torch.optim.SGD(weights, lr=0.03, momentum=0.9),
        "rmsprop": lambda: torch.optim.RMSprop(weights, lr=0.03),
        "adam": lambda: torch.optim.Adam(weights, lr=0.03),
    }
    other = kinds[optimizer]()
    for _ in range(5):
        training.step()
        inputs, labels = (torch.tensor(one.numpy()) for one in training.batch)
        w1, b1, w2, b2, w3, b3 = weights
        logits = torch.tanh(torch.tanh(inputs @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], labels)
        loss = loss + 0.01 * sum(0.5 * (w * w).sum() for w in (w1, w2, w3))
        other.zero_grad()
        loss.backward()
        other.step()
    for ours, theirs in zip(training.model.parameters(), weights):
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=2e-4, atol=1e-6)
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=2e-4, atol=1e-5
        )


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_a_penalty_makes_the_weights_small(penalty):
    plain, held = trained(200), trained(200, penalty=penalty, penalty_rate=0.1)
    size = [sum(w.abs().sum().item() for w in t.model.parameters()) for t in (plain, held)]
    assert size[1] < 0.2 * size[0]


def test_a_change_of_the_rate_goes_on_and_one_of_the_network_begins_anew():
    training = trained(20)
    weights = training.model[0].weight.detach().clone()
    assert not training.change(read_settings({"lr": 0.5, "batch_size": 7, "optimizer": "sgd"}))
    assert training.steps == 20 and tg.equal(training.model[0].weight, weights)
    training.step()
    training.step()
    assert training.optimizer.param_groups[0]["lr"] == 0.5 and len(training.batch[1]) == 7
    for given in ({"activation": "relu"}, {"layers": [2]}, {"features": ["x"]}, {"seed": 5}):
        training.step()
        assert training.change(read_settings(given)) and training.steps == 0


def test_an_epoch_takes_each_point_once():
    training = trained(0, batch_size=30)
    seen = []
    for _ in range(7):
        training.step()
        seen.append(training.batch[0])
    rows = tg.cat(seen).tolist()
    assert len(rows) == 200 and sorted(rows) == sorted(training.inputs.tolist())


def test_the_users_points_are_learnt():
    points = [[1, 1, 1], [-1, -1, 1], [1, -1, 0], [-1, 1, 0]]
    training = trained(200, data="own", points=points)
    head = head_of(training)
    assert head["train_accuracy"] == 1 and head["train"] < 0.1
    assert head["points"] == points
    assert head["test"] is None and head["test_accuracy"] is None
    more = read_settings({"data": "own", "points": [*points, [0, 0, 1]]})
    assert not training.change(more) and len(training.labels) == 5 and training.steps == 200


def test_without_a_point_nothing_happens():
    head = head_of(trained(5, data="own"))
    assert head["steps"] == 0 and head["train"] is None and head["points"] == []


def test_a_training_that_diverges_says_so_in_json():
    training = trained(
        60, optimizer="momentum", lr=100, activation="relu", penalty="l2", penalty_rate=10
    )
    head = head_of(training)
    assert head["diverged"] and head["train"] is None
    assert "NaN" not in json.dumps(head, allow_nan=False)
    assert not head_of(trained(1))["diverged"]


# ---- looking ----


def test_surfaces_are_the_networks_answers():
    training = trained(50, features=["x", "sin 2y"], layers=[3, 2])
    surfaces = training.view(False)[1]
    assert surfaces.shape == (2 + 3 + 2 + 1, GRID, GRID) and surfaces.dtype == np.uint8
    row, column = 5, 31  # near the top, right of the middle
    x, y = ((2 * c + 1) / GRID * REACH - REACH for c in (column, GRID - 1 - row))
    inputs = tg.tensor([[x, np.sin(2 * y)]], dtype=tg.float32)
    first = training.model[1](training.model[0](inputs))
    probability = training.model(inputs).sigmoid().item()
    assert surfaces[-1, row, column] == round(127 * (2 * probability - 1) + 128)
    grid = training.model[1](training.model[0](training.grid))
    for unit in range(3):
        largest = grid[:, unit].abs().max().item()
        expected = 127 * first[0, unit].item() / largest + 128
        assert abs(surfaces[2 + unit, row, column] - expected) <= 0.51


def test_numbers_for_the_page_are_the_parameters_own():
    training = trained(3)
    head = head_of(training)
    for shown, gradient, layer in zip(
        head["weights"], head["weight_gradients"], training.linear_layers()
    ):
        np.testing.assert_allclose(shown, layer.weight.detach().numpy().reshape(-1), rtol=1e-4)
        np.testing.assert_allclose(gradient, layer.weight.grad.numpy().reshape(-1), rtol=1e-4)
    with tg.no_grad():
        logits = training.model(training.test_inputs).squeeze(1)
    right = ((logits > 0).float() == training.test[1]).float().mean().item()
    assert head["test_accuracy"] == pytest.approx(right)


@pytest.mark.parametrize(
    "given, named",
    [
        ([], "settings must be an object"),
        ({"rate": 1}, "a setting must be one of data"),
        ({"data": "moons"}, "data must be one of circle"),
        ({"data": ["circle"]}, "data must"),
        ({"lr": "0.1"}, "lr must be a number"),
        ({"lr": float("nan")}, "lr must"),
        ({"lr": True}, "lr must"),
        ({"lr": 0}, "lr must be a number from 1e-06"),
        ({"batch_size": 2.5}, "batch_size must be an integer"),
        ({"batch_size": 10**9}, "batch_size must"),
        ({"noise": -0.1}, "noise must"),
        ({"seed": 2**31}, "seed must"),
        ({"layers": [1] * 7}, "layers must be a list of at most 6"),
        ({"layers": [0]}, "layers must be integers from 1 to 8"),
        ({"layers": [9]}, "layers must"),
        ({"layers": 3}, "layers must"),
        ({"features": []}, "features must"),
        ({"features": ["z"]}, "features must be among x"),
        ({"points": [[0, 0, 2]]}, "points must"),
        ({"points": [[0, 0]]}, "points must"),
        ({"points": [[1e9, 0, 1]]}, "points must"),
        ({"points": [[0, 0, 0]] * 501}, "points must be a list of at most 500"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(given, named):
    with pytest.raises(SettingError, match=re.escape(f"playground: {named}")):
        read_settings(given)


# ---- digits ----


def drawing(image: np.ndarray) -> bytes:
    return np.repeat(np.repeat(image, 10, 0), 10, 1).astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


@pytest.fixture(scope="module")
def some_digits():
    data = find_digits("embedded", limit=40)
    return data.test_images.numpy(), data.test_labels.tolist()


def test_the_weights_of_the_package_are_small_and_read_digits(reader, some_digits):
    assert WEIGHTS.stat().st_size < 200_000
    images, labels = some_digits
    answers = [np.argmax(reader.read(drawing(i))[0]["probabilities"]) for i in images]
    assert np.mean(np.equal(answers, labels)) >= 0.95


def test_a_drawing_is_shown_layer_by_layer(reader, some_digits):
    head, pictures = reader.read(drawing(some_digits[0][0]))
    shapes = {layer["name"]: tuple(layer["shape"]) for layer in head["layers"]}
    assert shapes == {
        "conv1": (16, 24, 24),
        "norm1": (16, 12, 12),
        "conv2": (32, 8, 8),
        "norm2": (32, 4, 4),
        "fc1": (128, 1, 1),
        "fc2": (10, 1, 1),
    }
    assert pictures.size == 3 * 28 * 28 + sum(np.prod(s) for s in shapes.values())
    assert sum(head["probabilities"]) == pytest.approx(1, abs=1e-5)
    scores = pictures[-10:].astype(int)
    assert np.argmax(scores) == head["target"] == np.argmax(head["probabilities"])
    heats = pictures[784:2352].reshape(2, 28, 28)
    assert (heats.max((1, 2)) == 255).all()


def test_evidence_can_be_asked_for_any_digit(reader, some_digits):
    ink = drawing(some_digits[0][0])
    (best, pictures), (other, others) = reader.read(ink), reader.read(ink, target=5)
    assert other["target"] == 5 and best["probabilities"] == other["probabilities"]
    assert (pictures[784:2352] != others[784:2352]).any()
    assert (pictures[2352:] == others[2352:]).all()


def test_a_drawing_is_cropped_scaled_and_centred_as_mnist_is():
    page = np.zeros((280, 280), np.uint8)
    page[10:110, 20:60] = 255  # a bar in a corner
    seen = prepare(page.tobytes()).numpy()
    rows, columns = np.nonzero(seen > 127)
    assert rows.max() - rows.min() + 1 == 20 and columns.max() - columns.min() + 1 == 8
    assert (rows.min(), columns.min()) == (4, 10)


@pytest.mark.parametrize(
    "ink, named",
    [(b"", "280 x 280 bytes, got 0"), (bytes(78_401), "got 78401"), (bytes(78_400), "have ink")],
)
def test_drawings_that_do_not_fit_are_refused(ink, named):
    with pytest.raises(DigitError, match=named):
        prepare(ink)


def test_the_weights_of_a_users_run_are_taken(tmp_path, reader):
    state = {name: value * 0 for name, value in reader.model.state_dict().items()}
    tg.save({"recipe": "mnist-cnn", "model": state}, tmp_path / "best.safetensors")
    page = np.zeros((280, 280), np.uint8)
    page[50:200, 100:160] = 255
    for given in (tmp_path, tmp_path / "best.safetensors"):
        head, _ = DigitReader(given).read(page.tobytes())
        np.testing.assert_allclose(head["probabilities"], 0.1, rtol=1e-5)
    tg.save({"recipe": "names", "model": state}, tmp_path / "best.safetensors")
    with pytest.raises(DigitError, match="must be a run of the recipe mnist-cnn"):
        DigitReader(tmp_path)


# ---- the server ----


@contextmanager
def serving(app):
    """The port of a running server."""
    from tinygrad_edu.cli.playground import listen
    from tinygrad_edu.learn.playground import server

    running = server.make_server(app)
    with listen(0) as listener:
        thread = threading.Thread(target=lambda: running.run(sockets=[listener]))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def app(reader):
    pytest.importorskip("starlette", reason="needs pip install 'tinygrad_edu[playground]'")
    pytest.importorskip("uvicorn", reason="needs pip install 'tinygrad_edu[playground]'")
    from tinygrad_edu.learn.playground.server import make_app

    return make_app(reader)


@pytest.fixture(scope="module")
def port(app):
    with serving(app) as port:
        yield port


def send(port, method, path, body=None, **headers):
    """Status, headers and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, names)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), content


def train(port, **message):
    status, _, content = send(port, "POST", "/api/train", json.dumps(message))
    assert status == 200, content
    return unpacked(content)


def unpacked(content):
    size = int.from_bytes(content[:4], "little")
    return json.loads(content[4 : 4 + size]), np.frombuffer(content[4 + size :], np.uint8)


def test_pages_come_with_a_policy_that_allows_nothing_from_elsewhere(port):
    for path, kind in [
        ("/", "text/html"),
        ("/digit", "text/html"),
        ("/pages/page.css", "text/css"),
        ("/pages/train.js", "text/javascript"),
    ]:
        status, headers, content = send(port, "GET", path)
        assert status == 200 and headers["content-type"].startswith(kind) and content
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/pages/server.py",
        "/pages/..%2fserver.py",
        "/pages/%2e%2e/digits.safetensors",
        "/pages/",
        "/etc/passwd",
        "/step/unknown",
    ],
)
def test_other_files_are_not_served(port, path):
    assert send(port, "GET", path)[0] == 404


def test_a_page_trains_a_network_by_asking_for_steps(port):
    head, surfaces = train(port, settings={"layers": [3]}, steps=0)
    assert head["begun"] and head["steps"] == 0 and len(head["points"]) == 200
    assert surfaces.size == (2 + 3 + 1) * GRID * GRID
    losses = [head["train"]]
    for _ in range(5):
        head, _ = train(port, id=head["id"], settings={"layers": [3]}, steps=40)
        assert not head["begun"] and "points" not in head
        losses.append(head["train"])
    assert head["steps"] == 200 and losses == sorted(losses, reverse=True)
    head, _ = train(port, id=head["id"], settings={"layers": [3]}, steps=0, reset=True)
    assert head["begun"] and head["steps"] == 0 and head["train"] == losses[0]
    head, _ = train(port, id=head["id"], settings={"layers": [3], "points": [[0, 0, 1]]}, steps=1)
    assert not head["begun"] and len(head["points"]) == 201


def test_a_page_that_outlived_the_server_begins_anew(port):
    head, _ = train(port, id="of another server", settings={"seed": 4}, steps=2)
    assert head["begun"] and head["id"] != "of another server" and head["steps"] == 2


def test_trainings_of_several_pages_keep_apart(port):
    alone = [head_of(trained(60, seed=seed))["weights"] for seed in range(4)]
    found = {}

    def page(seed):
        id = None
        for _ in range(20):
            head, _ = train(port, id=id, settings={"seed": seed}, steps=3)
            id = head["id"]
        found[seed] = head["weights"]

    threads = [threading.Thread(target=page, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[seed] for seed in range(4)] == alone


def test_the_oldest_of_many_trainings_is_dropped(port, app):
    from tinygrad_edu.learn.playground.server import MOST_TRAININGS

    first, _ = train(port, settings={})
    for _ in range(MOST_TRAININGS):
        train(port, settings={"layers": []})
    assert len(app.state.trainings.known) == MOST_TRAININGS
    assert train(port, id=first["id"], settings={})[0]["begun"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "127.0.0.1@evil.example"},
        {"Host": "192.168.0.1"},
        {"Host": "[::"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_requests_from_elsewhere_are_refused(port, headers):
    status, _, content = send(port, "POST", "/api/train", "{}", **headers)
    assert status == 403 and b"must" in content
    if "Host" in headers:
        assert send(port, "GET", "/", **headers)[0] == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_requests_of_the_servers_own_pages_are_answered(port, name):
    host = f"{name}:{port}"
    headers = {"Host": host, "Origin": f"http://{host}", "Sec_Fetch_Site": "same-origin"}
    assert send(port, "POST", "/api/train", "{}", **headers)[0] == 200


@pytest.mark.parametrize(
    "body, status, named",
    [
        (b"{", 422, b"object in JSON"),
        (b"[1]", 422, b"object in JSON"),
        (b"[" * 60_000, 422, b"object in JSON"),
        (b"\xff", 422, b"object in JSON"),
        (b'{"steps": 501}', 422, b"steps must be an integer from 0 to 500"),
        (b'{"steps": 1.5}', 422, b"steps must"),
        (b'{"settings": {"lr": NaN}}', 422, b"lr must"),
        (b'{"settings": {"lr": 1e999}}', 422, b"lr must"),
        (b" " * 70_000, 413, b"at most 65,536 bytes"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_messages_that_do_not_fit_are_refused(port, body, status, named):
    found, _, content = send(port, "POST", "/api/train", body)
    assert (found, named in content) == (status, True), content


def test_a_message_without_length_is_not_read_for_ever(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(
            b"POST /api/digit HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        piece = b"8000\r\n" + bytes(0x8000) + b"\r\n"
        for _ in range(3):  # 98,304 bytes, of 78,400
            line.sendall(piece)
        assert b" 413 " in line.recv(100)


def test_the_digit_page_is_answered(port, some_digits):
    images, labels = some_digits
    status, _, content = send(port, "POST", "/api/digit?target=2", drawing(images[0]))
    head, pictures = unpacked(content)
    assert status == 200 and head["target"] == 2 and pictures.size > 2352
    assert np.argmax(head["probabilities"]) == labels[0]
    assert send(port, "POST", "/api/digit", bytes(78_400))[0] == 422
    assert send(port, "POST", "/api/digit", bytes(78_401))[0] == 413
    assert send(port, "POST", "/api/digit?target=x", drawing(images[0]))[0] == 422


# ---- the stepper ----


def test_the_stepper_shows_the_networks_own_backward(port, app):
    settings = {"layers": [3], "batch_size": 4, "penalty": "l2"}
    head, _ = train(port, settings=settings, steps=7)
    training = app.state.trainings.get(head["id"])
    before = [p.grad.clone() for p in training.model.parameters()]
    status, headers, content = send(port, "GET", f"/step/{head['id']}")
    page = content.decode()
    assert status == 200 and len(content) < 1_000_000
    assert "connect-src" not in headers["content-security-policy"]
    assert "after step 7" in page and "0.weight" in page
    assert '"kind":"data","name":"inputs"' in page and '"kind":"data","name":"labels"' in page
    assert '"kind":"data","name":""' not in page
    said = re.findall(r"-?\d+\.\d+(?:e-?\d+)?", page)
    found = set(np.array(said, np.float64).astype(np.float32).tolist())
    gradients = tg.autograd.grad(training.loss(), list(training.model.parameters()))
    for numbers in (training.model[0].weight.detach(), gradients[0], training.batch[0]):
        assert found.issuperset(numbers.reshape(-1).tolist())
    after = [p.grad for p in training.model.parameters()]
    assert all(map(tg.equal, before, after)) and training.steps == 7
    assert train(port, id=head["id"], settings=settings, steps=1)[0]["steps"] == 8


def test_without_a_point_there_is_nothing_to_step_through(port):
    head, _ = train(port, settings={"data": "own"})
    status, _, content = send(port, "GET", f"/step/{head['id']}")
    assert status == 422 and b"points must be there" in content


# ---- the command ----


def test_without_the_extra_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "tinygrad_edu.learn.playground.server", raising=False)
    monkeypatch.delattr("tinygrad_edu.learn.playground.server", raising=False)
    assert main(["playground"]) == 2
    assert "pip install 'tinygrad_edu[playground]'" in capsys.readouterr().err


def test_it_listens_on_this_machine_alone_and_says_when_the_port_is_taken(capsys, app):
    from tinygrad_edu.cli.playground import listen

    with listen(0) as listener:
        host, taken = listener.getsockname()
        assert host == "127.0.0.1"
        assert main(["playground", "--no-open", "--port", str(taken)]) == 2
    err = capsys.readouterr().err
    assert f"--port must be free, got {taken}" in err and err.count("\n") == 1
    assert main(["playground", "--port", "70000"]) == 2
    assert "at most 65535" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="needs SIGINT")
def test_ctrl_c_stops_it_cleanly(app, tmp_path):
    code = (  # nohup and a shell's & leave the signal ignored
        "import signal, sys; from tinygrad_edu.cli import main;"
        " signal.signal(signal.SIGINT, signal.default_int_handler);"
        " sys.exit(main(['playground', '--no-open', '--port', '0']))"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", started.stdout.readline())[1])
        assert train(port, settings={}, steps=1)[0]["steps"] == 1  # it runs
        held = socket.create_connection(("127.0.0.1", port))  # an open page does not hold it up
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=60)
        held.close()
    finally:
        started.kill()
    assert (started.returncode, err) == (0, "")
    assert out.endswith("Stopped.\n")


# ---- the pages' files ----


def words() -> dict[str, dict[str, str]]:
    """The dictionary of words.js."""
    text = (PAGES / "words.js").read_text("utf-8")
    parts = re.split(r"^  (en|zh): \{$", text, flags=re.M)[1:]
    entry = re.compile(r'^    (\w+): "(.*)",$', re.M)
    return {name: dict(entry.findall(body)) for name, body in zip(parts[::2], parts[1::2])}


def test_every_text_is_there_in_both_languages_and_used():
    english, chinese = words()["en"], words()["zh"]
    assert len(english) > 80 and english.keys() == chinese.keys()
    for key, text in english.items():
        blanks = [sorted(re.findall(r"\{\w+\}", t)) for t in (text, chinese[key])]
        assert blanks[0] == blanks[1], key
    source = "".join(p.read_text("utf-8") for p in PAGES.iterdir() if p.name != "words.js")
    asked = set(re.findall(r'data-(?:word|label|title)="(\w+)"', source))
    assert asked <= english.keys()
    unused = {key for key in english if not re.search(rf'["`]{key}["`]', source)}
    assert all(key.startswith("layer_") for key in unused), unused


def test_the_page_offers_what_the_server_knows():
    page, script = ((PAGES / name).read_text("utf-8") for name in ("train.html", "train.js"))
    from tinygrad_edu.learn.playground import settings

    for name, known in settings.CHOSEN.items():
        select = re.search(rf'<select id="{name}">(.*?)</select>', page, re.S)[1]
        offered = re.findall(r'<option(?: value="([^"]+)")?[^>]*>([^<]*)', select)
        assert [value or text for value, text in offered] == list(known)
    assert re.search(r"const FEATURES = (\[.*\]);", script)[1] == json.dumps(
        list(settings.FEATURES), ensure_ascii=False
    )
    assert f"const REACH = {REACH};" in script
    assert f"MOST_LAYERS = {settings.MOST_LAYERS}, MOST_UNITS = {settings.MOST_UNITS};" in script
    default = Settings()
    assert f"features: {json.dumps(default.features)}, layers: {list(default.layers)}" in script


def test_the_pages_are_small_and_ask_nothing_of_others():
    files = list(PAGES.iterdir())
    assert sum(file.stat().st_size for file in files) < 200_000
    for file in files:
        text = file.read_text("utf-8")
        assert "http:" not in text and "https:" not in text, file.name
        assert not re.search(r"\son\w+=|style=|innerHTML|eval\(", text), file.name
