"""The routes of the light table: each reads its request, asks, and answers in JSON."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from negatoscope.auditing.audit_result import AuditResult
from negatoscope.data import Dataset
from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import InputError, NegatoscopeError, expect
from negatoscope.web.answers import Answers, SideBySide
from negatoscope.web.browse import AuditBrowser
from negatoscope.web.commands import Commands
from negatoscope.web.finding import find
from negatoscope.web.guard import Guard
from negatoscope.web.pictures import MOST_BYTES, Pictures, png
from negatoscope.web.setup import describe_setup
from negatoscope.web.stacks import StackStage, read_stack
from negatoscope.web.worker import ANSWER, BusyError, SupersededError, Work, Worker

MOST_LISTED = 200
"""Pictures of one list."""

MOST_PAIRS = 48
"""Failures of one list."""

_MOST_JSON = 100_000  # bytes of a request
_UPLOADS = 4  # that are received at once
_TAB = re.compile(r"[\w-]{1,64}", re.ASCII)
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class AnswerRequest:
    """Which picture under which stack."""

    picture: str
    stack: tuple[StackStage, ...] = ()


@dataclass(frozen=True)
class CurveRequest:
    """The same, along one parameter of the stack's transform at `index`."""

    picture: str
    stack: tuple[StackStage, ...]
    index: int
    parameter: str


@dataclass(frozen=True)
class SearchRequest:
    """A picture, and the named space to search for what fools one of the classifiers."""

    picture: str
    space: str
    budget: int = 100
    model: int = 0


@dataclass(frozen=True)
class LightTable:
    """What is on the table.

    Args:
        models: The classifiers.
        pictures: The pictures.
        commands: How it is audited elsewhere.
        audit: An audit to browse.
        first: Where the picture stands in the data that is on the table when it opens.
    """

    models: SideBySide
    pictures: Pictures
    commands: Commands
    audit: AuditBrowser | None = None
    first: int = 0

    @classmethod
    def of(
        cls, models: SideBySide, dataset: Dataset | None, commands: Commands, audit: AuditResult | None = None
    ) -> "LightTable":
        """The table with pictures of a dataset, which is that of the audit where there is one.

        Raises:
            DataError: The audit is of other images, or its rows are damaged.
        """
        sizes = [classifier.input_spec.resize for classifier in models.classifiers]
        if audit is None or dataset is None:
            return cls(models, Pictures(dataset, sizes), commands)
        pictures = Pictures(dataset, [*sizes, audit.summary.model.input_spec.resize])
        return cls(models, pictures, commands, AuditBrowser(audit, dataset, pictures))

    def answer(self, asked: AnswerRequest) -> Answers:
        """What classifiers say of a picture under a stack.

        Raises:
            InputError: The picture or the stack is unusable.
        """
        picture = self.pictures.get(asked.picture)
        spec = read_stack(asked.stack).spec
        return Answers(
            label=None if picture.label is None else self.models.class_names[picture.label],
            spec=spec,
            command=self.commands.command(spec),
            python=self.commands.python(spec),
            answers=self.models.answer(picture, asked.stack),
        )


def make_app(
    table: LightTable, worker: Worker, *, token: str, hosts: set[str] | None = None, any_address: bool = False
) -> Guard:
    """The server's application, guarded.

    Args:
        table: What is on the table.
        worker: Where classifiers answer.
        token: What every request has to have.
        hosts: Names that it may be called by, beside those of this machine itself.
        any_address: Whether it may be called by any address.
    """
    routes = _Routes(table, worker)
    app = Starlette(
        routes=[
            Route("/", routes.page),
            Route("/static/{name}", routes.static),
            Route("/picture/{name}", routes.picture),
            Route("/api/setup", routes.setup),
            Route("/api/pictures", routes.list_pictures),
            Route("/api/upload", routes.upload, methods=["POST"]),
            Route("/api/answer", routes.answer, methods=["POST"]),
            Route("/api/curve", routes.curve, methods=["POST"]),
            Route("/api/search", routes.search, methods=["POST"]),
            Route("/api/audit", routes.audit),
            Route("/api/audit/failures", routes.failures),
        ],
        exception_handlers={NegatoscopeError: _refused, 404: _unknown, 405: _unknown, Exception: _failed},
    )
    return Guard(app, token=token, closed=routes.files["closed.html"], hosts=hosts or (), any_address=any_address)


class _Routes:
    def __init__(self, table: LightTable, worker: Worker) -> None:
        self.table, self.worker = table, worker
        self.files = {path.name: path.read_bytes() for path in Path(__file__).with_name("static").iterdir()}
        self.setup_document = to_plain(
            describe_setup(table.models, table.pictures, audit=table.audit is not None, first=table.first)
        )
        self.uploads = 0

    async def page(self, request: Request) -> Response:
        return Response(self.files["index.html"], media_type="text/html")

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.files:
            return JSONResponse({"error": "expected the name of a file of the page, got another one"}, 404)
        kind = _TYPES[Path(name).suffix]
        return Response(self.files[name], media_type=kind, headers={"cache-control": "no-cache"})

    async def setup(self, request: Request) -> Response:
        return JSONResponse(self.setup_document)

    async def list_pictures(self, request: Request) -> Response:
        query = request.query_params
        offset, limit = (_whole(query, name, default) for name, default in (("offset", 0), ("limit", 48)))
        positions = self.table.pictures.positions(query.get("class", ""))
        if query.get("failing", "") == "1":
            failing = await run_in_threadpool(lambda: self._audit().failing)
            positions = failing[np.isin(failing, positions)]
        chosen = positions[offset : offset + min(limit, MOST_LISTED)].tolist()
        listed = [self.table.pictures.describe(position) for position in chosen]
        return JSONResponse({"pictures": listed, "total": len(positions)})

    async def picture(self, request: Request) -> Response:
        identifier = request.path_params["name"].removesuffix(".png")

        def drawn() -> bytes:
            return png(self.table.pictures.get(identifier).shown)

        content = await run_in_threadpool(drawn)
        return Response(content, media_type="image/png", headers={"cache-control": "private, max-age=3600"})

    async def upload(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not kind.startswith("image/") and kind != "application/octet-stream":
            return JSONResponse({"error": f"expected an image, got a file of type {kind[:40] or 'unknown'}"}, 415)
        if self.uploads >= _UPLOADS:
            raise BusyError(f"expected at most {_UPLOADS} files at once, got more; try again in a moment")
        self.uploads += 1
        try:
            content = await _body(request, most=MOST_BYTES)
            picture = await run_in_threadpool(self.table.pictures.receive, content)
        finally:
            self.uploads -= 1
        return JSONResponse({"id": picture.id, "width": picture.width, "height": picture.height})

    async def answer(self, request: Request) -> Response:
        asked = await _read(request, AnswerRequest)
        return await self._do(request, ANSWER, lambda _: self.table.answer(asked))

    async def curve(self, request: Request) -> Response:
        asked = await _read(request, CurveRequest)
        models, pictures = self.table.models, self.table.pictures
        return await self._do(
            request,
            "curve",
            lambda pause: models.curve(
                pictures.get(asked.picture),
                asked.stack,
                index=asked.index,
                parameter=asked.parameter,
                pause=pause,
            ),
        )

    async def search(self, request: Request) -> Response:
        asked = await _read(request, SearchRequest)
        models, pictures = self.table.models, self.table.pictures
        return await self._do(
            request,
            "search",
            lambda pause: find(
                models,
                pictures.get(asked.picture),
                space=asked.space,
                model=asked.model,
                budget=asked.budget,
                pause=pause,
            ),
        )

    async def audit(self, request: Request) -> Response:
        return JSONResponse(to_plain(self._audit().describe()))

    async def failures(self, request: Request) -> Response:
        query = request.query_params
        found = await run_in_threadpool(
            self._audit().failures,
            query.get("transform", ""),
            label=query.get("class", ""),
            sort=query.get("sort", "confidence"),
            offset=_whole(query, "offset", 0),
            limit=min(_whole(query, "limit", 24), MOST_PAIRS),
        )
        return JSONResponse(to_plain(found))

    def _audit(self) -> AuditBrowser:
        if self.table.audit is None:
            raise InputError("expected an audit to browse, got none; give its folder with --audit")
        return self.table.audit

    async def _do(self, request: Request, kind: str, work: Work) -> Response:
        """The result of work in the worker's thread, as long as the tab waits for it."""
        tab = request.headers.get("x-tab", "")
        expect(_TAB.fullmatch(tab), "a tab's own id in X-Tab, of up to 64 letters and digits", repr(tab[:80]))
        future = self.worker.submit(tab, kind, work)
        if not await _waits(request, future):
            self.worker.drop(future)
            return Response(status_code=499)  # which nobody reads
        result = to_plain(future.result())
        return JSONResponse(result)


async def _waits(request: Request, future: "Future[Any]") -> bool:
    """Wait for a future, and say whether the one who asked is still there."""

    async def leaves() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    done, left = asyncio.wrap_future(future), asyncio.ensure_future(leaves())
    await asyncio.wait((done, left), return_when=asyncio.FIRST_COMPLETED)
    left.cancel()
    if not done.done():
        done.cancel()
        return False
    done.exception()  # it has been looked at; `future` raises it again
    return True


async def _read(request: Request, kind: type[T]) -> T:
    """The request's JSON as a typed object.

    Raises:
        InputError: It is something else.
    """
    content = await _body(request, most=_MOST_JSON)
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError("expected a request as JSON, got something else") from error
    return from_plain(values, kind)


async def _body(request: Request, *, most: int) -> bytes:
    """The request's bytes, refused as soon as it is clear that they are too many.

    Raises:
        _TooLargeError: They are.
    """
    declared = request.headers.get("content-length", "0")
    content = bytearray()
    if declared.isdecimal() and int(declared) <= most:
        async for part in request.stream():
            content += part
            if len(content) > most:
                break
        else:
            return bytes(content)
    raise _TooLargeError(f"expected at most {most / 1e6:g} MB, got more; make it smaller")


class _TooLargeError(InputError):
    """More bytes than are read."""


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    expect(text.isascii() and text.isdecimal() and len(text) < 10, f"{name} as a whole number", repr(text[:80]))
    return int(text)


async def _refused(request: Request, error: Exception) -> Response:
    statuses: dict[type[Exception], int] = {SupersededError: 409, BusyError: 429, _TooLargeError: 413}
    return JSONResponse({"error": str(error)}, statuses.get(type(error), 400))


async def _unknown(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return JSONResponse({"error": "expected an address of this server, got another one"}, status)


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of a model, or of this program, whose traceback is for the terminal."""
    return JSONResponse({"error": f"expected an answer, got an error in the server: {type(error).__name__}"}, 500)
