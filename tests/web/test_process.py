"""The command as a server of its own: real requests, floods, tabs that close, slow models, kills and restarts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

RUN = "import sys; from negatoscope.cli.main import main; sys.argv[0] = 'negatoscope'; main()"
ASKED = {"picture": "d3", "stack": [{"name": "negative", "parameters": {}}]}
SLOW = """
import time
from pathlib import Path
import torch

class Slow(torch.nn.Module):
    def forward(self, images):
        time.sleep(0.4 * Path("slow").exists())
        with open("calls", "a") as file:
            file.write("x")
        return torch.nn.functional.one_hot(images.mean((1, 2, 3)).gt(0.5).long(), 10).float() * 5
"""


@dataclass
class Server:
    process: "subprocess.Popen[str]"
    port: int
    token: str

    def request(self, method: str, path: str, content: Any = None, *, tab: str = "one") -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"X-Token": self.token, "X-Tab": tab}
        try:
            connection.request(method, path, None if content is None else json.dumps(content), headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def answer(self, asked: Any = ASKED, *, tab: str = "one") -> int:
        return self.request("POST", "/api/answer", asked, tab=tab)[0]


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command in a folder of its own."""
    processes = []

    def started(*words: str) -> Server:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, "view", "--no-browser", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        processes.append(process)
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        assert first.startswith("http://127.0.0.1:"), process.communicate()
        parts = urlsplit(first)
        return Server(process, int(parts.port or 0), parse_qs(parts.query)["token"][0])

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def test_a_flood_is_answered_or_told_to_wait_and_afterwards_all_is_well(start: Start) -> None:
    server = start()
    assert server.answer() == 200

    def flood(thread: int) -> list[int]:
        return [server.answer(tab=f"tab{(thread + n) % 3}") for n in range(100)]

    with ThreadPoolExecutor(16) as pool:
        statuses = [status for each in pool.map(flood, range(16)) for status in each]
    assert set(statuses) <= {200, 409, 429}
    assert 200 in statuses
    for _ in range(20):  # tabs that go away in the middle of what takes long
        connection = HTTPConnection("127.0.0.1", server.port)
        curve = {**ASKED, "stack": [{"name": "gamma", "parameters": {}}], "index": 0, "parameter": "exponent"}
        headers = {"X-Token": server.token, "X-Tab": "gone"}
        connection.request("POST", "/api/curve", json.dumps(curve), headers)
        connection.close()
    deadline = time.monotonic() + 120
    while (status := server.answer()) == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert status == 200
    server.process.send_signal(signal.SIGTERM)
    out, error = server.process.communicate(timeout=120)
    assert server.process.returncode == 128 + signal.SIGTERM
    assert (out, error) == ("", "Stopped.\n")


def test_killed_it_starts_again_at_its_port_and_the_old_token_is_worth_nothing(start: Start) -> None:
    first = start()
    assert first.answer() == 200
    first.process.kill()
    first.process.wait()
    second = start("--port", str(first.port))
    assert second.port == first.port
    assert second.token != first.token
    assert first.answer() == 403
    assert second.answer() == 200
    third = subprocess.run(
        [sys.executable, "-c", RUN, "view", "--no-browser", "--port", str(first.port)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert third.returncode == 2
    assert third.stdout == ""
    assert third.stderr.startswith(f"negatoscope: expected a free --port, got {first.port}")
    assert third.stderr.count("\n") == 1


def test_of_a_slow_models_requests_the_latest_wins(start: Start, tmp_path: Path) -> None:
    (tmp_path / "slow_model.py").write_text(SLOW)
    server = start(
        "slow_model:Slow", "--data", "mnist_sample:test", "--size", "28", "--channels", "gray", "--limit", "20"
    )
    assert server.answer() == 200
    (tmp_path / "slow").touch()
    before = len((tmp_path / "calls").read_text())
    stacks = [[{"name": "gamma", "parameters": {"exponent": 1 + n / 10}}] for n in range(1, 21)]
    with ThreadPoolExecutor(20) as pool:
        waiting = []
        for stack in stacks:
            waiting.append(pool.submit(server.answer, {"picture": "d3", "stack": stack}))
            time.sleep(0.02)
        statuses = [each.result() for each in waiting]
    assert statuses[-1] == 200
    assert set(statuses) == {200, 409}
    assert len((tmp_path / "calls").read_text()) - before == statuses.count(200) < 15
