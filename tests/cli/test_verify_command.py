"""`negatoscope verify` as a shell calls it: an exit code, a sentence, and a table."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.hardening.onnx_models import linear, wrapper_of

from negatoscope.hardening.drop_in import write_drop_in
from negatoscope.hardening.wrapper import wrap
from negatoscope.models.open import open_classifier
from negatoscope.transforms.groups import resolve_group

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, the hardened one, and images without labels."""
    top = tmp_path_factory.mktemp("place")
    linear(top / "model.onnx", [10, 1, 6, 6])
    classifier = open_classifier(top / "model.onnx", mean=0.4, std=0.2)
    wrapper = wrapper_of("canonicalize", resolve_group("negative", channels=1))
    write_drop_in(wrap(classifier, wrapper), source=top / "model.onnx", out=top)
    (top / "images").mkdir()
    for index, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (23, 6, 6), np.uint8)):
        Image.fromarray(pixels).save(top / "images" / f"{index}.png")
    return top


def verify(negatoscope: Command, place: Path, model: str, *more: str) -> tuple[int, str, str]:
    fixed = ("--data", str(place / "images"), "--mean", "0.4", "--std", "0.2")
    return negatoscope("verify", str(place / model), *fixed, *more)


def test_a_hardened_file_passes_and_the_original_does_not(negatoscope: Command, place: Path) -> None:
    code, out, error = verify(negatoscope, place, "hardened.onnx")
    assert code == 0, error
    assert "hardened.onnx gives 23 of 23 images" in out
    assert "It holds by construction for every 8-bit image" in out
    code, out, _ = verify(negatoscope, place, "model.onnx", "--at-least", "0.999")
    assert code == 1
    assert "This is known for these images only" in out
    assert verify(negatoscope, place, "model.onnx", "--at-least", "0")[0] == 0


def test_json_and_csv_hold_the_numbers(negatoscope: Command, place: Path) -> None:
    code, out, _ = verify(negatoscope, place, "hardened.onnx", "--format", "json", "--limit", "20")
    document = json.loads(out)
    assert code == 0
    assert (document["schema"], document["n"], document["agreeing"], document["by_construction"]) == (2, 20, 20, True)
    assert document["provenance"]["command"].startswith("negatoscope verify hardened.onnx --data images")
    assert "--mean 0.4 --std 0.2" in document["provenance"]["command"]
    _, out, _ = verify(negatoscope, place, "hardened.onnx", "--format", "csv")
    assert out.splitlines()[1].startswith("negative,23,1.0,")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--invariant", "color_cube"), "expected color images for the group color_cube, got gray ones"),
        (("--at-least", "2"), "expected --at-least from 0 to 1, got 2.0"),
        (("--size", "7"), "expected --size 6x6"),
    ],
)
def test_what_is_unusable_is_one_sentence(
    negatoscope: Command, place: Path, more: tuple[str, ...], sentence: str
) -> None:
    code, out, error = verify(negatoscope, place, "hardened.onnx", *more)
    assert (code, out) == (2, "")
    assert sentence in error
