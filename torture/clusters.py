"""An audit on a Ray cluster of two nodes that loses a worker, a node, its head or the command, at a random moment."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from torture.forked import Body, Ended, command, finish, fork, kill
from torture.outcomes import Outcome, cache_in, differences, outcome_of
from torture.record import Check
from torture.samples import Samples

AIM = 50
AUDIT = "audit {onnx} --data mnist_sample:test --suite none --transform negative --out out --threads 1"
ON_RAY = "--executor ray --workers 2 --address"
SECONDS = 600
CLUSTER = """
import sys
from ray.cluster_utils import Cluster

node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100_000_000, "node_ip_address": "127.0.0.1"}
nodes = Cluster(initialize_head=True, head_node_args={"gcs_server_port": int(sys.argv[1]), **node})
other = nodes.add_node(**node)
print("ready", flush=True)
for _ in sys.stdin:
    nodes.remove_node(other, allow_graceful=False)
    other = nodes.add_node(**node)
    print("another", flush=True)
"""
"""Has a node of its own lost and replaced for each line that it reads."""


@dataclass(frozen=True)
class Cluster:
    """Two nodes of one processor each, in processes of their own."""

    process: "subprocess.Popen[str]"
    port: int

    def answer(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def lose_node(self) -> None:
        """Lose one, and get another."""
        assert self.process.stdin
        self.process.stdin.write("lose\n")
        self.process.stdin.flush()
        self.answer()

    def workers(self) -> list[int]:
        """The processes of actors, to which Ray gives such names."""
        return [process for process in self._processes() if _content(process, "cmdline").startswith(b"ray::_Actor")]

    def lose_all(self) -> None:
        """Lose the head, and with it all."""
        for process in self._processes():
            _kill(process)
        self.process.wait()

    def _processes(self) -> list[int]:
        """All that have the environment that it was begun with."""
        named = f"TORTURE_CLUSTER={self.port}".encode()
        numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [number for number in numbers if named in _content(number, "environ").split(b"\0")]


def checks(samples: Samples) -> list[Check]:
    """One for each that is lost; none where Ray is not installed."""
    if find_spec("ray") is None:
        return []
    losses = {"worker": _lose_worker, "node": _lose_node, "head": _lose_head, "command": _lose_command}
    return [Check(f"ray loses {name}", AIM, partial(_try, samples, lose)) for name, lose in losses.items()]


def _try(samples: Samples, lose: Callable[[Cluster, int], None], choose: Random, place: Path) -> str:
    """Lose something while an audit runs, then run the same command again, where its cluster is gone on another."""
    port, here = _port(), place / "here"
    audit = _audit(samples, f"{ON_RAY} 127.0.0.1:{port}")
    whole = _undisturbed(samples, audit, place.parents[1] / "undisturbed-ray")
    cache_in(here)
    with _running(port) as cluster:
        process = fork(audit, here)
        if lose in (_lose_worker, _lose_node) or choose.random() < 0.5:
            _wait_for_parts(process, choose.randrange(len(_rows(whole)) - 1), here)
        else:
            time.sleep(choose.uniform(0, whole.ended.seconds))
        lose(cluster, process)
        ended = finish(process, here, seconds=SECONDS)
        if wrong := _broken_promise(ended, whole.ended, lose):
            return wrong
        if lose is not _lose_head:
            return differences(whole, outcome_of(audit, here))
    with _running(port):
        return differences(whole, outcome_of(audit, here))


def _wait_for_parts(process: int, parts: int, here: Path) -> None:
    """Until so many parts of the audit are done."""
    while _runs(process) and len(list(here.glob("out/parts/*/done.json"))) < parts:
        time.sleep(0.005)


def _broken_promise(ended: Ended, whole: Ended, lose: Callable[[Cluster, int], None]) -> str:
    """What is wrong with how a command ended that lost something: only without a head may it not go on."""
    last = "".join(ended.error.splitlines()[-1:])
    explained = lose is _lose_head and ended.code in (1, 2) and "Ray cluster at" in last
    killed = lose is _lose_command and ended.code == -signal.SIGKILL
    fine = explained or killed or ended.code == whole.code
    return "" if fine and not ended.hung else f"exit code {ended.code}: {ended.error[-300:]}"


def _lose_worker(cluster: Cluster, process: int) -> None:
    """The first that is there from now on, if the command has not ended before."""
    workers: list[int] = []
    while not workers and _runs(process):
        time.sleep(0.02)
        workers = cluster.workers()
    for worker in workers[:1]:
        _kill(worker)


def _lose_node(cluster: Cluster, process: int) -> None:
    cluster.lose_node()


def _lose_head(cluster: Cluster, process: int) -> None:
    cluster.lose_all()


def _lose_command(cluster: Cluster, process: int) -> None:
    kill(process)


@cache
def _undisturbed(samples: Samples, audit: Body, here: Path) -> Outcome:
    """What the audit comes to on a cluster that loses nothing, whose rows are those of an audit without one."""
    with _running(_port()):
        whole = outcome_of(audit, here / "there")
    alone = outcome_of(_audit(samples), here / "here")
    if whole.ended.code not in (0, 1):
        raise RuntimeError(f"expected an undisturbed command to end well, got {whole.ended.code}: {whole.ended.error}")
    if _rows(whole) != _rows(alone):
        raise RuntimeError("expected the same rows with and without a cluster, got others")
    return whole


def _rows(whole: Outcome) -> dict[str, bytes]:
    return {name: content for name, content in whole.files.items() if name.startswith("out/rows.parquet/")}


@cache
def _audit(samples: Samples, more: str = "") -> Body:
    return command(*AUDIT.format(onnx=samples / "large.onnx").split(), *more.split())


@cache
def _port() -> int:
    """One that was free, and the same in all tries of a process, for it is in what an audit writes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def _running(port: int) -> Iterator[Cluster]:
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "TORTURE_CLUSTER": str(port)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    words = [sys.executable, "-c", CLUSTER, str(port)]
    with subprocess.Popen(words, env=environment, text=True, start_new_session=True, **pipes) as process:
        cluster = Cluster(process, port)
        try:
            if cluster.answer() != "ready":
                raise RuntimeError("expected a Ray cluster to start, but it ended")
            yield cluster
        finally:
            cluster.lose_all()


def _runs(process: int) -> bool:
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _content(process: int, name: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/{name}").read_bytes()
    return b""


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
