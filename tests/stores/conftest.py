"""Stores to test against: fsspec's in memory, and servers of Amazon's and Google's interfaces on this machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from negatoscope.cli.main import run
from negatoscope.stores import StorePath


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of an S3 server of this process's own."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> StorePath:
    """A new bucket; the environment says where it is, to commands in processes of their own, too."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {"AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "secret"}
    settings |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()  # which remembers the addresses of servers of earlier tests
    bucket = f"bucket-{uuid4().hex}"
    S3FileSystem(use_listings_cache=False).mkdir(bucket)
    return StorePath(f"s3://{bucket}")


@pytest.fixture(scope="session")
def google_server() -> Iterator[str]:
    """The address of a server of Google's interface, of this process's own."""
    pytest.importorskip("gcp_storage_emulator", reason="gcp-storage-emulator is not installed")
    pytest.importorskip("gcsfs", reason="gcsfs is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [
        sys.executable,
        "-m",
        "gcp_storage_emulator",
        "start",
        "--in-memory",
        "--host",
        "127.0.0.1",
        "--port",
        port,
    ]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(port))):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def gs(google_server: str, monkeypatch: pytest.MonkeyPatch) -> StorePath:
    """A new bucket; the environment says where it is, as with `s3`."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", google_server)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "nobody")
    from gcsfs import GCSFileSystem

    GCSFileSystem.clear_instance_cache()
    bucket = f"bucket-{uuid4().hex}"
    GCSFileSystem(use_listings_cache=False).mkdir(bucket)
    return StorePath(f"gs://{bucket}")


@pytest.fixture
def memory() -> StorePath:
    """A new place in fsspec's store in memory."""
    return StorePath(f"memory://{uuid4().hex}")


@pytest.fixture(params=["memory", "s3", "gs"])
def store(request: pytest.FixtureRequest) -> StorePath:
    """A place in each of them."""
    found: StorePath = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["memory", "s3"])
def locking_store(request: pytest.FixtureRequest) -> StorePath:
    """A place in each that writes an object only if there is none; Google's does, its emulator does not."""
    found: StorePath = request.getfixturevalue(request.param)
    return found


def put(folder: Path, target: StorePath) -> StorePath:
    """Copy a file, or a folder's files, to a store."""
    for file in [folder] if folder.is_file() else sorted(folder.rglob("*")):
        if file.is_file():
            name = file.relative_to(folder).as_posix()
            (target if folder.is_file() else target / name).upload(file)
    return target


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command and gives its exit code, standard output and standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["negatoscope", *words])
        with pytest.raises(SystemExit) as left:
            run()
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out, captured.err

    return call
