"""How many times a second the playground updates: a step of training, then all surfaces.

    python benchmarks/playground.py [--out benchmarks/results/playground.json]

Everything runs on one core. `per_second` is what a clock says, `cpu_ms` the processors' time of all
processes for one update, which other work on the machine changes less: 1000 / cpu_ms updates fit
into a second of one free core. Each way takes in the ones before it:

    engine     a step, the losses on all points, and the surface of each neuron
    server     the same, asked for over HTTP
    page       the same, drawn in Chromium, which shares the core; not measured without playwright
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import threading
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from tinygrad_edu.cli.playground import listen
from tinygrad_edu.learn.playground.server import make_app, make_server
from tinygrad_edu.learn.playground.settings import MOST_LAYERS, MOST_UNITS, read_settings
from tinygrad_edu.learn.playground.training import Training

NETWORKS = {
    "default: 2 inputs, layers of 4 and 3": {},
    "largest: 7 inputs, 6 layers of 8": {
        "features": ["x", "y", "x²", "y²", "xy", "sin 2x", "sin 2y"],
        "layers": [MOST_UNITS] * MOST_LAYERS,
    },
}
SECONDS = 4.0


Row = dict[str, float]


def processor_seconds() -> float:
    """Of this process and of those it started, as far as they live; needs /proc."""
    used, children = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        used[int(folder.name)] = int(fields[11]) + int(fields[12])
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    total, open_ones = 0, [os.getpid()]
    while open_ones:
        process = open_ones.pop()
        total += used.get(process, 0)
        open_ones += children.get(process, [])
    return total / os.sysconf("SC_CLK_TCK")


def figures(count: int, seconds: float, processor: float) -> Row:
    return {"per_second": round(count / seconds, 1), "cpu_ms": round(1000 * processor / count, 2)}


def rate(update) -> Row:
    """How fast `update` can be called, after a few calls that do not count."""
    for _ in range(5):
        update()
    count, begun, used = 0, time.perf_counter(), processor_seconds()
    while time.perf_counter() - begun < SECONDS:
        update()
        count += 1
    return figures(count, time.perf_counter() - begun, processor_seconds() - used)


def engine(settings: dict) -> Row:
    training = Training(read_settings(settings))

    def update() -> None:
        training.step()
        training.view(False)

    return rate(update)


def server(port: int, settings: dict) -> Row:
    connection, id = http.client.HTTPConnection("127.0.0.1", port), None

    def update() -> None:
        nonlocal id
        message = {"id": id, "settings": settings, "steps": 1}
        connection.request("POST", "/api/train", json.dumps(message))
        content = connection.getresponse().read()
        id = json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])["id"]

    return rate(update)


def page(port: int, settings: dict) -> Row | None:
    from learn.browser import executable, missing

    if missing():
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1280, "height": 900})
        shown.goto(f"http://127.0.0.1:{port}/")
        shown.locator("#chosen tbody tr").first.wait_for()
        shown.evaluate("given => { Object.assign(settings, given); rebuilt(); }", settings)
        shown.wait_for_timeout(1000)
        shown.locator("#run").click()
        shown.wait_for_timeout(1000)
        steps, begun, used = shown.evaluate("head.steps"), time.perf_counter(), processor_seconds()
        shown.wait_for_timeout(1000 * SECONDS)
        count = shown.evaluate("head.steps") - steps
        found = figures(count, time.perf_counter() - begun, processor_seconds() - used)
        browser.close()
    return found


def measure() -> dict[str, dict[str, Row | None]]:
    running, rows = make_server(make_app()), {}
    with listen(0) as listener:
        thread = threading.Thread(target=lambda: running.run(sockets=[listener]))
        thread.start()
        port = listener.getsockname()[1]
        for name, settings in NETWORKS.items():
            rows[name] = {
                "engine": engine(settings),
                "server": server(port, settings),
                "page": page(port, settings),
            }
            print(f"{name:<40}", rows[name])
        running.should_exit = True
        thread.join()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results/playground.json")
    flags = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # Chromium inherits it
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = measure()
    result = {
        "what": "an update: a step of training, then the losses and all surfaces",
        "cores": 1,
        "note": "on a machine shared with other work",
        "rows": rows,
    }
    Path(flags.out).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
