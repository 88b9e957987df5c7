"""tinygrad-edu playground: a small network that trains in a page, and one that reads digits."""

from __future__ import annotations

import argparse
import socket
import webbrowser

from .errors import Stop
from .parser import Parser, number

NAME = "playground"
HELP = "watch a small network train in the browser, and draw digits"
PORT = 8642


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Start a server on this machine, for this machine alone, and open its page: a small network"
        " trains live on points in the plane. A second page reads digits that you draw. Ctrl-C"
        " stops it. Needs: pip install 'tinygrad_edu[playground]'."
    )
    parser.add_examples(
        "tinygrad-edu playground",
        "tinygrad-edu playground --port 0 --no-open",
        "tinygrad-edu playground --run runs/mnist-cnn",
    )
    parser.add_argument(
        "--port",
        type=number(int, 0),
        default=PORT,
        metavar="N",
        help=f"port on 127.0.0.1 (default {PORT}; 0: any free one)",
    )
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--run",
        metavar="FOLDER",
        dest="checkpoint",
        help="a run of mnist-cnn that reads the digits (default: weights of the package)",
    )


def run(flags: argparse.Namespace) -> int:
    try:
        from ..learn.playground import server
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise Stop(
            f"playground: {error.name} must be installed, got none. Run: pip install"
            " 'tinygrad_edu[playground]'"
        ) from None
    from ..learn.playground.digits import DigitReader

    app = server.make_app(DigitReader(flags.checkpoint))
    with listen(flags.port) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        print(f"The playground is at {address}\nCtrl-C stops it.", flush=True)
        if not flags.no_open:
            webbrowser.open(address)
        try:
            server.make_server(app).run(sockets=[listener])
        except KeyboardInterrupt:  # the way to end it
            print("\nStopped.")
    return 0


def listen(port: int) -> socket.socket:
    """A socket on the loopback address alone."""
    if port > 65535:
        raise Stop(f"playground: --port must be at most 65535, got {port}. Choose another.")
    # with the protocol named, asyncio sends each answer at once instead of after 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise Stop(
            f"playground: --port must be free, got {port} ({error.strerror}). Choose another, or"
            " --port 0 for any free one."
        ) from None
    return listener
