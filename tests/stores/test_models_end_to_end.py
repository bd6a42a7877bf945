"""Models by URL in what does most with them, hardening and the light table, and killed while one is fetched."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

import negatoscope
from negatoscope.cache import cache_folder
from negatoscope.copies import copies_folder
from negatoscope.documents import read_document
from negatoscope.hardening.result import HardenSummary
from negatoscope.stores import StorePath
from negatoscope.web import serve
from negatoscope.web.app import LightTable, make_app
from negatoscope.web.worker import Worker

from .conftest import put
from .test_models_in_stores import CLASSES, save_onnx
from .test_results_in_stores import files_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
Command = Callable[..., tuple[int, str, str]]
HARDEN = ("--fit", "images", "--data", "images", "--suite", "none", "--method", "average")
RUN = "from negatoscope.cli.main import run; run()"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder: images in folders of classes, and a model of two files."""
    generator = np.random.default_rng(1)
    for index in range(60):
        folder = tmp_path / "images" / CLASSES[index % 3]
        folder.mkdir(parents=True, exist_ok=True)
        image = generator.integers(0, 90, (8, 8), dtype=np.uint8)
        image[:, 2 * (index % 3) : 2 * (index % 3) + 2] += 150
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    weights = np.zeros((8, 8, 3), np.float32)
    for bar in range(3):
        weights[:, 2 * bar : 2 * bar + 2, bar] = 1
    save_onnx(tmp_path / "net.onnx", weights=weights.reshape(64, 3), beside="net.data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measured(out: Path) -> list[dict[str, Any]]:
    """What hardening counted, without what it timed."""
    summary = read_document(out / "harden.json", HardenSummary, what="a hardened model", make="make it")
    timed = ("seconds_fit", "inference_cost", "cost", "drop_in")
    return [{name: value for name, value in vars(entry).items() if name not in timed} for entry in summary.methods]


def test_a_model_by_url_is_hardened_to_the_same_rows_and_files(store: StorePath, place: Path, command: Command) -> None:
    for name in ("net.onnx", "net.data"):
        put(place / name, store / "models" / name)
    for model, out in (("net.onnx", "here"), (f"{store}/models/net.onnx", "there"), (f"{store}/models/net.onnx", "")):
        code, _, err = command("harden", model, *HARDEN, "--out", out or f"{store}/hardened")
        assert code == 0, err
    assert measured(place / "there") == measured(place / "here")
    kept = {
        name: content
        for name, content in files_of(place / "here").items()
        if "rows.parquet" in name or name.endswith(".onnx")
    }
    assert "after-average/hardened.onnx" in kept
    for other in (place / "there", store / "hardened"):
        assert {name: files_of(other)[name] for name in kept} == kept
    code, out, err = command(
        *("verify", f"{store}/hardened/after-average/hardened.onnx", "--data", "images", "--invariant", "negative")
    )
    assert (code, err) == (0, ""), out


def test_the_light_table_answers_for_a_model_by_url(
    store: StorePath, place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    testclient = pytest.importorskip("starlette.testclient")
    for name in ("net.onnx", "net.data"):
        put(place / name, store / "models" / name)
    answers = []

    def asked(table: LightTable, listening: socket.socket, **how: object) -> None:
        worker = Worker()
        app, headers = make_app(table, worker, token="t"), {"X-Token": "t", "X-Tab": "one"}
        page = testclient.TestClient(app, base_url="http://127.0.0.1:8000", headers=headers)
        stack = [{"name": "negative", "parameters": {}}]
        answers.append(
            [page.post("/api/answer", json={"picture": f"d{n}", "stack": stack}).json() for n in (0, 20, 40)]
        )
        worker.close()

    monkeypatch.setattr(serve, "serve", asked)
    for model in ("net.onnx", f"{store}/models/net.onnx"):
        code, _, err = command("view", model, "--data", "images")
        assert code == 0, err
    here, there = ([(answer["label"], answer["answers"]) for answer in each] for each in answers)
    assert there == here
    assert {label for label, _ in here} == set(CLASSES)


@contextmanager
def stalling(server: str, *, after_bytes: int) -> Iterator[str]:
    """The address of a server that passes on what another one answers, but of each connection so many bytes alone."""
    host, port = urlsplit(server).hostname, urlsplit(server).port
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def ask(client: socket.socket, behind: socket.socket) -> None:
        with suppress(OSError):  # who asked was killed
            while not ended.is_set() and (asked := client.recv(65536)):
                behind.sendall(asked)

    def serve_one(client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection((host, port)) as behind:
            threading.Thread(target=ask, args=(client, behind), daemon=True).start()
            left = after_bytes
            while left and (answered := behind.recv(min(65536, left))):
                client.sendall(answered)
                left -= len(answered)
            ended.wait()

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:  # it was closed
                return
            threading.Thread(target=serve_one, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        ended.set()
        listening.close()


def copied() -> dict[str, int]:
    """The files of the cache's copies, with their sizes."""
    return {
        path.relative_to(copies_folder()).as_posix(): path.stat().st_size
        for path in copies_folder().rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["harden", "view"])
def test_a_command_that_is_killed_while_it_fetches_leaves_no_half_a_model(
    name: str, s3: StorePath, server: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(place / "net.onnx")
    onnx.helper.set_model_props(model, {"notes": "long " * 1_000_000})
    onnx.save(model, place / "net.onnx")
    size = put(place / "net.onnx", s3 / "net.onnx").size_bytes()
    words = [sys.executable, "-c", RUN, name, f"{s3}/net.onnx"]
    words += [*HARDEN, "--out", "there"] if name == "harden" else ["--data", "images", "--no-browser"]
    with stalling(server, after_bytes=1_000_000) as address:
        environment = {**os.environ, "AWS_ENDPOINT_URL": address}
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not any(copied().values()):
            time.sleep(0.02)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    ((half, there),) = copied().items()
    assert half.split("/")[1].endswith(".tmp"), "no reader takes it for the model"
    assert 0 < there < size
    assert not (place / "there").exists()
    if name == "harden":
        again = subprocess.run(words, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
        negatoscope.harden("net.onnx", fit="images", data="images", suite="none", method=HARDEN[-1], out="here")
        assert measured(place / "there") == measured(place / "here")
    else:
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as viewing:
            assert viewing.stdout
            with urlopen(viewing.stdout.readline().strip()) as answered:
                assert answered.status == 200
            viewing.kill()
    (whole,) = copied().items()
    assert whole == (f"{half.split('/')[0]}/{s3.name}/net.onnx", size)
    assert not list(cache_folder().rglob("*.tmp"))
