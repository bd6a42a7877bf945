"""Exported programs are read for what they want, and never for pickles."""

import io
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from negatoscope.errors import DataError, InputError
from negatoscope.models.open import open_classifier

CPU = torch.device("cpu")


class Pair(nn.Module):
    """Something that takes two inputs."""

    def forward(self, images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        return (images + others).flatten(1)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported program with a fixed batch of four flat images."""
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    with torch.random.fork_rng(devices=[]):
        program = torch.export.export(nn.Linear(16, 3).eval(), (torch.rand(4, 16),))
    torch.export.save(program, path)
    return path


def test_a_fixed_batch_of_flat_images(saved: Path) -> None:
    classifier = open_classifier(str(saved), data_classes=3, device=CPU)
    input_spec = classifier.input_spec
    assert (input_spec.layout, input_spec.batch, input_spec.resize.height, input_spec.resize.channels) == (
        "flat",
        4,
        4,
        "gray",
    )
    images = torch.rand(6, 1, 4, 4)
    module = torch.export.load(saved).module()
    expected = torch.cat([module(images.flatten(1)[start : start + 4]) for start in (0, 2)])[[0, 1, 2, 3, 6, 7]]
    torch.testing.assert_close(classifier(images), expected)
    assert classifier.runs_code, "torch itself says that its loader is for trusted files"


def test_two_inputs_are_one_sentence(tmp_path: Path) -> None:
    program = torch.export.export(Pair(), (torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)))
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(InputError, match=r"expected one tensor as the input of net.pt2, got 2 inputs"):
        open_classifier(str(tmp_path / "net.pt2"), device=CPU)


class Bomb:
    """An object that makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.trace,))


def _rewritten(source: Path, target: Path, change: dict[str, bytes]) -> None:
    """The same archive, members whose names end as `change` says replaced or added."""
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        top = before.namelist()[0].partition("/")[0]
        left = dict(change)
        for member in before.namelist():
            ending = next((ending for ending in change if member.endswith(ending)), None)
            after.writestr(member, left.pop(ending) if ending else before.read(member))
        for ending, content in left.items():
            after.writestr(f"{top}{ending}", content)


@pytest.mark.parametrize(
    "member",
    [
        "/data/sample_inputs/model.pt",
        "/data/weights/model.pt",
        "/data/constants/opaque_obj_0",
        "/data/aotinductor/a.so",
    ],
)
def test_pickles_and_machine_code_in_it_are_refused(member: str, saved: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": Bomb(tmp_path / "the code ran")}, buffer)
    _rewritten(saved, tmp_path / "net.pt2", {member: buffer.getvalue()})
    with pytest.raises(
        DataError, match=r"^expected tensors alone in net.pt2, got .*, which may run code; save it with"
    ):
        open_classifier(str(tmp_path / "net.pt2"), device=CPU)
    assert not (tmp_path / "the code ran").exists()


def test_a_weight_that_is_pickled_must_be_a_tensor(saved: Path, tmp_path: Path) -> None:
    config = b'{"config": {"weight": {"path_name": "weight_0", "use_pickle": true}}}'
    buffer = io.BytesIO()
    torch.save(Bomb(tmp_path / "the code ran"), buffer)
    change = {"model_weights_config.json": config, "weights/weight_0": buffer.getvalue()}
    _rewritten(saved, tmp_path / "net.pt2", change)
    with pytest.raises(DataError, match="which may run code"):
        open_classifier(str(tmp_path / "net.pt2"), device=CPU)
    assert not (tmp_path / "the code ran").exists()


def test_a_damaged_program_is_one_sentence(saved: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _rewritten(saved, tmp_path / "cut.pt2", {"models/model.json": b"{}"})
    (tmp_path / "text.pt2").write_text("no archive")
    for name, sentence in {
        "cut.pt2": "got one that this torch cannot read",
        "text.pt2": "got another file",
        "missing.pt2": "there is no such file",
    }.items():
        with pytest.raises(DataError, match=sentence):
            open_classifier(str(tmp_path / name), device=CPU)
    assert caplog.records == [], "no traceback of torch's reaches the user"
