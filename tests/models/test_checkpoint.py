"""A checkpoint comes back bit for bit or not at all, and never runs code."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from negatoscope.errors import DataError, OutputError
from negatoscope.models.checkpoint import load_network, load_tensors, save_tensors
from negatoscope.models.networks import NetworkSettings, PaperNetwork

TENSORS = {
    "float32": torch.randn(3, 4),
    "float64": torch.tensor([1e-300, float("inf"), float("nan")], dtype=torch.float64),
    "bfloat16": torch.randn(5).bfloat16(),
    "int64": torch.tensor([-(2**63), 2**63 - 1]),
    "a step": torch.tensor(7.0),
    "nothing": torch.zeros(0, 3),
    "transposed": torch.randn(3, 4).T,
    "channels last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    "a parameter": torch.nn.Parameter(torch.randn(2)),
}
FACTS = {"text": "épsilon \u2028", "number": 0.1, "whole": 2**60, "list": [1, None, True], "nested": {"": []}}


def test_tensors_and_facts_come_back_bit_for_bit(tmp_path: Path) -> None:
    digest = save_tensors(tmp_path / "new" / "file", TENSORS, facts=FACTS)
    tensors, facts = load_tensors(tmp_path / "new" / "file")
    assert facts == FACTS
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        torch.testing.assert_close(tensors[name], tensor.detach(), rtol=0, atol=0, equal_nan=True)
    assert digest == hashlib.sha256((tmp_path / "new" / "file").read_bytes()).hexdigest()


def test_what_was_saved_is_a_copy(tmp_path: Path) -> None:
    tensor = torch.ones(3)
    save_tensors(tmp_path / "file", {"a": tensor}, facts={})
    tensor.zero_()
    assert load_tensors(tmp_path / "file")[0]["a"].tolist() == [1, 1, 1]


def test_a_network_s_weights_and_buffers_come_back(tmp_path: Path) -> None:
    settings = NetworkSettings(batch_norm=True)
    first, second = (PaperNetwork(channels=3, size=8, classes=3, settings=settings, seed=seed) for seed in (0, 1))
    images = torch.rand(4, 3, 8, 8)
    first(images)  # moves the running statistics
    save_tensors(tmp_path / "file", first.state_dict(), facts={})
    second.load_state_dict(load_tensors(tmp_path / "file")[0])
    assert torch.equal(first.eval()(images), second.eval()(images))


def test_a_file_cut_anywhere_is_one_sentence(tmp_path: Path) -> None:
    save_tensors(tmp_path / "whole", TENSORS, facts=FACTS)
    content = (tmp_path / "whole").read_bytes()
    for size_bytes in (*range(0, len(content), 37), len(content) - 1):
        (tmp_path / "cut").write_bytes(content[:size_bytes])
        with pytest.raises(
            DataError, match=r"^expected a checkpoint in /.*/cut, got a damaged file \(.*\); delete it$"
        ):
            load_tensors(tmp_path / "cut")


@pytest.mark.parametrize(
    "metadata",
    [{"facts": "{"}, {"facts": "[1]"}, {"facts": "7"}, {"facts": "[" * 100_000}],
    ids=["half", "a list", "a number", "nested"],
)
def test_facts_of_another_kind_are_one_sentence(tmp_path: Path, metadata: dict[str, str]) -> None:
    (tmp_path / "file").write_bytes(save({"a": torch.zeros(2)}, metadata=metadata))
    with pytest.raises(DataError, match=r"^expected a checkpoint in /.*/file, got a damaged file \("):
        load_tensors(tmp_path / "file")


@pytest.mark.parametrize("metadata", [None, {}], ids=["none", "no facts"])
def test_weights_alone_are_not_called_damaged(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    (tmp_path / "file").write_bytes(save({"a": torch.zeros(2)}, metadata=metadata))
    with pytest.raises(
        DataError, match=r"^expected a network that this project trained in file, got weights alone; name"
    ):
        load_network(tmp_path / "file")


class Bomb:
    """An object that makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_never_run(tmp_path: Path, zipped: bool) -> None:
    trace = tmp_path / "the code ran"
    torch.save({"facts": Bomb(trace)}, tmp_path / "file", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match="got a damaged file"):
        load_tensors(tmp_path / "file")
    assert not trace.exists()
    torch.load(tmp_path / "file", weights_only=False)
    assert trace.exists(), "the file is as dangerous as this test means it to be"


@pytest.mark.parametrize("name", ["missing", "."], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"^expected .* in .*, but (there is no such file|it cannot be read: )"):
        load_tensors(tmp_path / name)


def test_a_place_that_cannot_be_written_keeps_the_old_file(tmp_path: Path) -> None:
    save_tensors(tmp_path / "file", {}, facts={"old": 1})
    with pytest.raises(OutputError, match="cannot write"):
        save_tensors(tmp_path / "file" / "below", {}, facts={})
    with pytest.raises(TypeError):
        save_tensors(tmp_path / "file", {}, facts={"no": json})
    assert load_tensors(tmp_path / "file") == ({}, {"old": 1})
