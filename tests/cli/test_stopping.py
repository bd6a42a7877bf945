"""Whatever asks a command to end, it ends in one way: cleaned up, with one line, and so that it can be resumed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from PIL import Image

from negatoscope.cli.main import Stopped, run

RUN = "from negatoscope.cli.main import main; main()"
STOPPED = "Stopped. The same command resumes."
READER = """
import time
from pathlib import Path
import torch

class Reader(torch.nn.Module):
    def forward(self, images):
        while Path("stall").exists() and (Path("out/plan.json").exists() or Path("always").exists()):
            Path("ready").touch()
            time.sleep(0.01)
        return 20 * torch.stack([images.mean((1, 2, 3)), 1 - images.mean((1, 2, 3))], dim=1)
"""
WORDS = "audit slow_reader:Reader --data folder:images --size 8 --channels gray --suite none --transform negative"
AUDIT = f"import sys; sys.argv[1:] = {[*WORDS.split(), '--out', 'out']}; {RUN}"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with images and a model that stalls in the middle of an audit while a file named stall is there."""
    (tmp_path / "slow_reader.py").write_text(READER)
    for name, value in (("bright", 250), ("dark", 5)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(6):
            pixels = np.full((8, 8), value + index - 3, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{index}.png")
    (tmp_path / "stall").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(script: str, *words: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([".", *sys.path])}
    return subprocess.Popen([*words, "-c", script], stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(file: Path, process: "subprocess.Popen[str]") -> None:
    while not file.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


AS_FROM_A_TERMINAL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_an_audit_in_the_same_way(number: signal.Signals, place: Path) -> None:
    process = start(AS_FROM_A_TERMINAL + AUDIT, sys.executable)
    wait_for(place / "ready", process)
    process.send_signal(number)
    error = process.communicate()[1]
    assert error.splitlines()[-1] == STOPPED
    assert "Traceback" not in error
    assert process.returncode == 128 + number
    assert {path.name for path in (place / "out").iterdir()} <= {"plan.json", ".lock"}


def test_a_background_command_of_a_script_prints_how_to_stop_it_and_stops_and_resumes(place: Path) -> None:
    (place / "audit.py").write_text(AUDIT)
    process = start(f"nohup {sys.executable} audit.py < /dev/null & echo $! > pid; wait $!; echo $? > code", "sh")
    wait_for(place / "ready", process)
    pid = int((place / "pid").read_text())
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)  # ignored: the shell and nohup have it so
    (place / "ready").unlink()
    wait_for(place / "ready", process)
    os.kill(pid, signal.SIGTERM)
    error = process.communicate()[1]
    assert f"Stop it with: kill {pid}" in error
    assert error.splitlines()[-1] == STOPPED
    assert (place / "code").read_text() == f"{128 + signal.SIGTERM}\n"
    (place / "stall").unlink()
    resumed = start(AUDIT, sys.executable)
    assert resumed.communicate()[1].splitlines()[-1].startswith("Written to out")
    assert resumed.returncode == 0


@pytest.mark.parametrize("command", ["audit", "verify"])
def test_a_command_that_begins_anew_is_not_said_to_resume(command: str, place: Path) -> None:
    (place / "always").touch()
    words = [command, "slow_reader:Reader", "--data", "images/bright", "--size", "8", "--channels", "gray"]
    process = start(f"import sys; sys.argv[1:] = {words}; {RUN}", sys.executable)
    wait_for(place / "ready", process)
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[1].splitlines()[-1] == "Stopped."
    assert process.returncode == 128 + signal.SIGTERM


LONG = {
    "table1": ("--datasets mnist_sample --epsilons 0.0 --fast", "1 classifier to make"),
    "recipes": ("--candidates plan.toml", "small at epsilon 0.0: "),
}
CANDIDATES = """
epsilons = [0.0]
candidates = [{ name = "small", validation_size = 3900 }, { name = "large", epochs = 1000 }]
[base]
data = "mnist_sample"
epochs = 1
"""


@pytest.mark.parametrize("command", LONG)
def test_every_long_command_stops_when_a_scheduler_asks(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("mlxtend")
    monkeypatch.chdir(tmp_path)
    options, line = LONG[command]
    (tmp_path / "plan.toml").write_text(CANDIDATES)
    words = ["reproduce", command, *options.split(), "--out", "out"]
    process = start(f"import sys; sys.argv[1:] = {words}; {RUN}", sys.executable)
    assert process.stderr is not None
    assert any(line in read for read in process.stderr)
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[1].splitlines()[-1] == STOPPED
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.fixture
def stalled() -> Iterator[tuple[str, Event]]:
    """The address of a server that begins to send a file and never ends, and whether it has begun."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    begun, over = Event(), Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(bytes(100_000))
            self.wfile.flush()
            begun.set()
            over.wait()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", begun
        over.set()
        server.shutdown()
        thread.join()


def test_a_download_that_is_stopped_leaves_nothing_behind(
    stalled: tuple[str, Event], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    address, begun = stalled
    script = f"""
import sys
from dataclasses import replace
from negatoscope.data.sources import sources
sources()["mnist"] = replace(sources()["mnist"], addresses=({address!r},))
sys.argv[1:] = ["data", "fetch", "mnist"]
{RUN}
"""
    process = start(script, sys.executable)
    while not begun.wait(0.01):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[1] == "Stopped.\n"
    assert process.returncode == 128 + signal.SIGTERM
    assert {path.suffix for path in own_cache.rglob("*") if path.is_file()} <= {".lock"}


def test_the_handlers_of_a_program_that_calls_the_command_are_left_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    monkeypatch.setattr(sys, "argv", ["negatoscope", "--version"])
    with pytest.raises(SystemExit):
        run()
    assert [signal.getsignal(number) for number in numbers] == before
    assert not issubclass(Stopped, Exception)
