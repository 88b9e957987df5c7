"""Answers this machine's own pages only, and takes no large messages.

A server on 127.0.0.1 can still be reached by any page that the user's browser opens: directly, or
under a name of the attacker that is made to point to 127.0.0.1 ("DNS rebinding"). So the header
Host must name the loopback, and a request that a page sends must come from a page of this server.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = ("127.0.0.1", "localhost", "::1")
BODY_SECONDS = 10  # in which a message must have arrived


class LoopbackOnly:
    """Wraps an application: refuses requests under other names, or from pages of other origins."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            problem = refusal(Request(scope))
            if problem:
                await PlainTextResponse(problem, 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def refusal(request: Request) -> str | None:
    """Why a request is refused; None if it is not."""
    hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
    if len(hosts) != 1 or name_of(f"//{hosts[0]}") not in NAMES:
        return "The header Host must name this machine: 127.0.0.1 or localhost."
    if any(origin != f"http://{hosts[0]}" for origin in origins):
        return "The header Origin must be this server's own."
    site = request.headers.get("sec-fetch-site", "none")
    if request.method != "GET" and site not in ("none", "same-origin"):
        return "The request must come from a page of this server."
    return None


def name_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


async def read_body(request: Request, most: int) -> bytes:
    """The whole body.

    Raises:
        HTTPException: 413 if it has more than `most` bytes, 408 if it takes too long.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise HTTPException(413, f"A message must have at most {most:,} bytes.")
    except TimeoutError:
        raise HTTPException(408, f"A message must arrive within {BODY_SECONDS} s.") from None
    return bytes(body)
