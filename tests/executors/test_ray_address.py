"""A Ray cluster that is running already is used by its address; one that is not there, or goes, is a sentence."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import Run, begin, rows_of

pytest.importorskip("ray", reason="needs the extra ray")
pytestmark = [
    pytest.mark.slow,
    # Python closes the file of images when it collects what an error held on to, and says so.
    pytest.mark.filterwarnings("ignore:.*bars.npz:pytest.PytestUnraisableExceptionWarning"),
]

AUDIT = (
    *("--data", "bars.npz", "--size", "64", "--interpolation", "nearest", "--channels", "gray", "--name", "reader"),
    *("--suite", "none", "--transform", "negative", "--transform", "pixel_flips(probability=0.2)", "--out", "there"),
)
RUN = "from negatoscope.cli.main import run; run()"
HEAD = """
import time
from ray.cluster_utils import Cluster

few = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 100_000_000}
print(Cluster(initialize_head=True, head_node_args={"node_ip_address": "127.0.0.1", **few}).address, flush=True)
time.sleep(3600)
"""


def audit(model: str, *words: str) -> "subprocess.Popen[str]":
    """The command, begun."""
    return begin("-c", RUN, "audit", model, *AUDIT, *words)


def ended(command: "subprocess.Popen[str]") -> tuple[int, list[str]]:
    """Its exit code, and the lines of its standard error."""
    _, error = command.communicate()
    return command.returncode, error.splitlines()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Head:
    """The head of a cluster, in a process of its own."""

    process: "subprocess.Popen[str]"
    address: str

    def kill(self) -> None:
        """With all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def start() -> Iterator[Callable[[], Head]]:
    """Starts clusters of one node with two processors, that this machine alone can reach."""
    heads = list[Head]()

    def started() -> Head:
        quiet = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "start_new_session": True}
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
        heads.append(Head(subprocess.Popen([sys.executable, "-c", HEAD], env=environment, **quiet), ""))
        stdout = heads[-1].process.stdout
        assert stdout
        heads[-1].address = stdout.readline().strip()
        assert heads[-1].address.startswith("127.0.0.1:")
        return heads[-1]

    yield started
    for head in heads:
        head.kill()


def test_a_running_cluster_makes_the_same_rows_and_stays(run: Run, start: Callable[[], Head]) -> None:
    head = start()
    run(out="here", threads=1)
    code, lines = ended(audit("bar_models:Reader", "--executor", "ray", "--address", head.address))
    assert code == 0, lines
    assert rows_of("there") == rows_of("here")
    assert head.process.poll() is None, "it is not ours to end"


@pytest.mark.parametrize("listens", [False, True])
def test_where_no_cluster_is_a_sentence_says_so(listens: bool, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1] if listens else free_port()}"
        code, lines = ended(audit("bar_models:Reader", "--executor", "ray", "--address", address))
    assert code == 2, lines
    assert lines[-1].startswith(f"negatoscope: expected a Ray cluster at {address}, but "), lines
    assert not Path("there/rows.parquet").exists()


def test_what_is_not_done_when_the_head_is_lost_is_done_on_another_cluster(run: Run, start: Callable[[], Head]) -> None:
    first = start()
    run(out="here", threads=1)
    command = audit("bar_models:Slow", "--executor", "ray", "--address", first.address)
    while command.poll() is None and not list(Path("there").glob("parts/*/done.json")):
        time.sleep(0.05)
    first.kill()
    code, lines = ended(command)
    assert code == 1, lines
    sentence = f"negatoscope: expected the Ray cluster at {first.address} to stay, but its head does not answer; "
    assert lines[-1].startswith(sentence), lines
    assert not Path("there/done.json").exists()
    code, lines = ended(audit("bar_models:Slow", "--executor", "ray", "--address", start().address))
    assert code == 0, lines
    assert rows_of("there") == rows_of("here")
