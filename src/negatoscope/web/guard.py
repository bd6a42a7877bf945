"""Who may ask: the holder of the token, from this server's own page, and not without end."""

import ipaddress
import secrets
import socket
from collections.abc import Iterable
from time import monotonic

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The page's content security policy: nothing inline, nothing from elsewhere."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
"""Of every answer."""

PER_SECOND, AT_ONCE = 200, 600
"""Requests that are answered in the long run, and in a burst; others get status 429."""

STATIC = "/static/"
"""What is below needs no token: it is the same for everyone."""

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Names of this machine that a browser on it uses."""


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Refuses whatever does not come from the page that this server gave to the holder of the token.

    The name in `Host` must be one of this machine, so that a page of another name that was made to point here
    (DNS rebinding) gets nothing, and an `Origin` must be this server.

    Args:
        app: What is guarded.
        token: What a request has in its header `X-Token` or as ``?token=``.
        hosts: Names beside `LOCAL`; where the server listens on all addresses, any address counts, but no name.
        any_address: Whether it does.
        closed: The page for who comes without the token.
    """

    def __init__(
        self, app: ASGIApp, *, token: str, closed: bytes, hosts: Iterable[str] = (), any_address: bool = False
    ) -> None:
        self.app, self.token, self.closed = app, token.encode(), closed
        self.hosts, self.any_address = {*LOCAL, *hosts}, any_address
        self.left, self.since = float(AT_ONCE), monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if not self._is_ours(host):
            return _refuse(403, "expected the address that the command printed, got another name of this machine")
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            return _refuse(403, "expected a request of this page, got one of another")
        if path.startswith(STATIC):
            return None
        given = headers.get("x-token") or QueryParams(scope["query_string"]).get("token", "")
        if not secrets.compare_digest(given.encode(), self.token):
            sentence = "expected the token of this server; open the address that the command printed"
            return Response(self.closed, 403, media_type="text/html") if path == "/" else _refuse(403, sentence)
        if not self._has_time():
            return _refuse(429, f"expected at most {PER_SECOND} requests a second, got more; wait a moment")
        return None

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
        return name.lower() in self.hosts or (self.any_address and _is_address(name))

    def _has_time(self) -> bool:
        now = monotonic()
        self.left = min(AT_ONCE, self.left + (now - self.since) * PER_SECOND)
        self.since = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


def names_of(host: str) -> set[str]:
    """The names that a server that listens on `host` may be called by, beside those of this machine itself."""
    return {host.lower(), socket.gethostname().lower()}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refuse(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status)
