"""`negatoscope view` with something unusable: one sentence, exit code 2, and no server."""

import importlib
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from negatoscope.web.app import LightTable
from negatoscope.web.guard import is_loopback, names_of

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is in use."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("missing.onnx",), "expected an ONNX model in missing.onnx"),
        (("--data", "missing"), "'missing'"),
        (("--data", "folder:nowhere"), "nowhere"),
        (("--audit", "nowhere"), "expected the folder of a finished audit"),
        (("--port", "70000"), "expected --port from 0 to 65,535, got 70000"),
        (("--host", "192.0.2.1"), "expected --host to be an address of this machine, got '192.0.2.1'"),
        (("--host", "no such host"), "expected --host to be an address of this machine"),
        (("--limit", "0"), "expected --limit of at least 1"),
        (("--device", "tpu"), "expected --device to be one of"),
        (("a.onnx", "b.onnx", "--name", "x"), "expected --name and --weights with one model, got 2 models"),
        (("--weights", "w.pt", "--size", "32"), "expected a model beside --weights and --size, got none"),
        (("--audit", "out/audit", "--limit", "20"), "expected --audit or --limit, got both"),
        (("model.onnx", "--limit", "20"), "expected --data beside a model and --limit, got none"),
    ],
)
def test_what_is_unusable_gets_one_sentence(negatoscope: Command, words: tuple[str, ...], sentence: str) -> None:
    code, out, error = negatoscope("view", "--no-browser", *words)
    assert (code, out) == (2, "")
    assert error.startswith("negatoscope: ")
    assert sentence in error
    assert error.count("\n") == 1


def test_a_port_in_use_is_named(negatoscope: Command, taken: int) -> None:
    code, out, error = negatoscope("view", "--no-browser", "--port", str(taken))
    assert (code, out) == (2, "")
    assert f"expected a free --port, got {taken} at 127.0.0.1" in error


def test_data_of_other_classes_need_a_model(negatoscope: Command, tmp_path: Path) -> None:
    for name in ("bright", "dark"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name / "0.png")
    code, _, error = negatoscope("view", "--no-browser", "--data", str(tmp_path))
    assert code == 2
    assert "expected data of 10 classes for the classifiers that come with the package, got 2" in error


def test_pictures_have_the_labels_bits_and_window_that_audits_read(
    negatoscope: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    for digit in range(10):
        Image.fromarray(np.full((28, 28), 100 * digit, np.uint16)).save(tmp_path / "scans" / f"{digit}.png")
    rows = "".join(f"{digit}.png,{digit}\n" for digit in range(10))
    (tmp_path / "labels.csv").write_text(f"scan,digit\n{rows}")
    tables: list[LightTable] = []
    monkeypatch.setattr("negatoscope.web.serve.serve", lambda table, *_, **__: tables.append(table))
    given = ("--labels", "labels.csv", "--label-columns", "scan,digit", "--window", "500,1000")
    code, _, error = negatoscope("view", "--no-browser", "--data", "scans", *given)
    assert code == 0, error
    dataset = tables[0].pictures.dataset
    assert dataset is not None
    assert (dataset.class_names, dataset.labels.tolist()) == (tuple("0123456789"), list(range(10)))
    assert [int(dataset.images[index].max()) for index in (0, 5, 9)] == [0, 128, 230]
    assert " ".join(given) in tables[0].commands.command("negative")
    code, _, error = negatoscope("view", "--no-browser", "--bits", "12")
    assert (code, error.startswith("negatoscope: expected --data beside --labels, --label-columns, --bits")) == (
        2,
        True,
    )


def test_the_command_beside_an_audit_reads_its_images_as_the_audit_did(
    negatoscope: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for digit in range(10):
        (tmp_path / "scans" / str(digit)).mkdir(parents=True)
        Image.fromarray(np.full((28, 28), 400 * digit, np.uint16)).save(tmp_path / "scans" / str(digit) / "0.png")
    model = ("negatoscope.web.models:plain", "--data", "scans", "--size", "28", "--channels", "gray")
    only = ("--bits", "12", "--suite", "none", "--no-self-check", "--no-report", "--out", "out")
    assert negatoscope("audit", *model, *only)[0] == 0
    tables: list[LightTable] = []
    monkeypatch.setattr("negatoscope.web.serve.serve", lambda table, *_, **__: tables.append(table))
    assert negatoscope("view", "--no-browser", *model, "--audit", "out") == (0, "", "")
    assert "--bits 12" in tables[0].commands.command("negative")
    assert "bits=12" in tables[0].commands.python("negative")


def test_without_the_extra_it_says_what_to_install(negatoscope: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "uvicorn"]:
        monkeypatch.delitem(sys.modules, name)
    find = importlib.import_module

    def without(name: str, *more: str) -> object:
        if name == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return find(name, *more)

    monkeypatch.setattr(importlib, "import_module", without)
    code, out, error = negatoscope("view", "--no-browser")
    assert (code, out) == (2, "")
    assert "negatoscope view needs uvicorn: pip install" in error


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_this_machine_reaches_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    assert host.lower() in names_of(host)
