"""Listen, say where, and serve until the command is stopped."""

import errno
import socket
import webbrowser
from collections.abc import Callable
from threading import Thread

import uvicorn

from negatoscope.errors import InputError, expect
from negatoscope.web.app import LightTable, make_app
from negatoscope.web.guard import is_loopback, names_of, new_token
from negatoscope.web.worker import Worker

EVERYWHERE = ("0.0.0.0", "::")
"""Hosts that stand for all addresses of this machine."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        InputError: The port is taken, or the host is no address of this machine.
    """
    expect(0 <= port <= 65535, "--port from 0 (any free one) to 65535", port)
    no_host = f"expected --host to be an address of this machine, got {host!r:.80}; correct it"
    try:
        found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)  # named, so that asyncio sends small answers at once
    except (OSError, UnicodeError) as error:
        raise InputError(no_host) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise InputError(no_host) from error
        why = error.strerror or str(error)
        got = f"{port} at {host}, which cannot be had ({why}); name another, or 0 for any free one"
        raise InputError(f"expected a free --port, got {got}") from error
    return listening


def serve(table: LightTable, listening: socket.socket, *, host: str, browser: bool, say: Callable[[str], None]) -> None:
    """Serve a light table until a signal ends it.

    Args:
        table: What is on the table.
        listening: Where to listen.
        host: What the user called that.
        browser: Whether to open a browser.
        say: Called with the address, before anything else, and with a warning where other machines can reach it.
    """
    token = new_token()
    named = "localhost" if host in EVERYWHERE else host
    address = f"http://{f'[{named}]' if ':' in named else named}:{listening.getsockname()[1]}/?token={token}"
    say(address)
    if not is_loopback(host):
        say(f"WARNING: --host {host}: whoever reaches this machine and knows the token can use it, unencrypted.")
    worker = Worker()
    app = make_app(table, worker, token=token, hosts=names_of(host), any_address=host in EVERYWHERE)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    if browser:
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # one in a terminal would hold up
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        worker.close()
