"""The playground's server: pages, and the numbers that they draw.

    GET  /                 the playground           pages/train.html
    GET  /digit            the digit page           pages/digit.html
    GET  /pages/NAME       their styles and scripts
    POST /api/train        JSON {id, settings, steps, reset}; answer: see `pack`
    POST /api/digit        280 * 280 bytes of ink; ?target=0..9; answer: see `pack`
    GET  /step/ID          the stepper for one backward of that training's network and batch

A page asks for the next numbers when it has drawn the last ones: the server never waits with
unsent ones, and a closed page costs nothing.
"""

from __future__ import annotations

import json
import secrets
import struct
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tinygrad_edu import TinygradEduError

from .. import stepper, trace
from .digits import SIDE, DigitReader
from .loopback import LoopbackOnly, read_body
from .settings import SettingError, read_settings
from .training import Training

PAGES = Path(__file__).parent / "pages"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MOST_BYTES = 65_536  # of a message in JSON
MOST_STEPS = 500  # in one request
MOST_TRAININGS = 16  # the one that was not used for longest is dropped
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
OWN_FILES = (  # for our pages: nothing inline, nothing from elsewhere
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ONE_FILE = (  # for the stepper's page, which holds all it needs
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Trainings:
    """The trainings of the open pages, by their ids."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.known: OrderedDict[str, Training] = OrderedDict()

    def get(self, id: object) -> Training | None:
        with self.lock:
            if not isinstance(id, str) or id not in self.known:
                return None
            self.known.move_to_end(id)
            return self.known[id]

    def add(self, training: Training) -> str:
        id = secrets.token_urlsafe(16)  # who knows it may look at the training
        with self.lock:
            self.known[id] = training
            while len(self.known) > MOST_TRAININGS:
                self.known.popitem(last=False)
        return id


def make_app(reader: DigitReader | None = None) -> Starlette:
    """The application.

    Args:
        reader: reads digits, by default with the weights that come with the package.
    """
    app = Starlette(
        routes=[
            Route("/", page("train.html")),
            Route("/digit", page("digit.html")),
            Route("/pages/{name}", own_file),
            Route("/api/train", train, methods=["POST"]),
            Route("/api/digit", digit, methods=["POST"]),
            Route("/step/{id}", step_through),
        ],
        middleware=[Middleware(LoopbackOnly)],
        exception_handlers={TinygradEduError: refuse},
    )
    app.state.trainings = Trainings()
    app.state.reader = reader or DigitReader()
    return app


def make_server(app: Starlette) -> uvicorn.Server:
    """A server of the application; `run(sockets=[listener])` answers until Ctrl-C, which it passes
    on as KeyboardInterrupt.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=64,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
            ws="none",
        )
    )


# ---- pages ----


def page(name: str) -> Any:
    async def answer(request: Request) -> Response:
        return send_file(name)

    return answer


async def own_file(request: Request) -> Response:
    return send_file(request.path_params["name"])


def send_file(name: str) -> Response:
    """A file of the folder `pages`."""
    path = PAGES / name
    if path.suffix not in KINDS or path.name not in {one.name for one in PAGES.iterdir()}:
        raise HTTPException(404, "There is no such page.")
    headers = HEADERS | {"Content-Security-Policy": OWN_FILES}
    return Response(path.read_bytes(), headers=headers, media_type=KINDS[path.suffix])


async def refuse(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422, HEADERS)


# ---- numbers ----


def pack(head: dict[str, Any], pictures: np.ndarray) -> Response:
    """An answer in bytes: the length of the head (4 bytes, little-endian), the head in JSON, then
    pictures, one byte a pixel.
    """
    text = json.dumps(head, allow_nan=False, separators=(",", ":")).encode()
    body = struct.pack("<I", len(text)) + text + pictures.tobytes()
    return Response(body, headers=HEADERS, media_type="application/octet-stream")


async def train(request: Request) -> Response:
    """Go on with a training under the given settings, or begin one; then show it."""
    message = read_json(await read_body(request, MOST_BYTES))
    return await run_in_threadpool(advance, request.app.state.trainings, message)


def read_json(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise SettingError(
            "playground: a message must be an object in JSON, got something else. Send"
            ' {"id": ..., "settings": {...}, "steps": 1}.'
        )
    return message


def advance(trainings: Trainings, message: dict[str, Any]) -> Response:
    settings = read_settings(message.get("settings", {}))
    steps = message.get("steps", 0)
    if not isinstance(steps, int) or not 0 <= steps <= MOST_STEPS:
        raise SettingError(
            f"playground: steps must be an integer from 0 to {MOST_STEPS}, got {steps!r:.60}."
            " Change it."
        )
    id = message.get("id")
    training = trainings.get(id)
    fresh = training is None
    if training is None:
        training = Training(settings)
        id = trainings.add(training)
    with training.lock:
        if message.get("reset"):
            training.start(settings)
        points = training.labels
        begun = training.change(settings) or bool(message.get("reset")) or fresh
        for _ in range(steps):
            training.step()
        head, surfaces = training.view(begun or training.labels is not points)
    return pack(head | {"id": id, "begun": begun}, surfaces)


async def digit(request: Request) -> Response:
    """What the network makes of a drawing."""
    target = request.query_params.get("target", "")
    if target and target not in map(str, range(10)):
        raise HTTPException(422, "target must be a digit.")
    ink = await read_body(request, SIDE * SIDE)
    read = request.app.state.reader.read
    return pack(*await run_in_threadpool(read, ink, int(target) if target else None))


# ---- the stepper ----


async def step_through(request: Request) -> Response:
    training = request.app.state.trainings.get(request.path_params["id"])
    if training is None:
        return PlainTextResponse(
            "This training is not there any more. Go back to the playground.", 404
        )
    page = await run_in_threadpool(step_page, training)
    return HTMLResponse(page, headers=HEADERS | {"Content-Security-Policy": ONE_FILE})


def step_page(training: Training) -> str:
    """The stepper's page for the training's network and its last batch.

    Raises:
        SettingError: there is no point, so no batch.
    """
    if not len(training.labels):
        raise SettingError("playground: points must be there to step through, got none. Add some.")
    inputs, labels = training.batch
    names = {"inputs": inputs, "labels": labels}
    title = f"One backward of the playground's network, after step {training.steps}"
    with training.lock:
        return stepper.page(trace.of(training.loss, training.model, names), title)
