"""What cannot be hardened is refused in one sentence, before or after a fit, and leaves nothing half-written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import negatoscope as ng
from negatoscope.auditing.plan import AuditConfig
from negatoscope.data import Dataset
from negatoscope.data.open import open_dataset
from negatoscope.data.unlabeled import open_images
from negatoscope.errors import InputError, OutputError, SpecError
from negatoscope.hardening import FitData
from negatoscope.hardening.average import Average
from negatoscope.hardening.jobs import OpenHarden
from negatoscope.hardening.plan import make_harden_plan
from negatoscope.hardening.wrapper import wrap
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.provenance import record_provenance
from negatoscope.transforms.groups import resolve_group

Digits = tuple[Dataset, Dataset]


def harden(classifier: ClassifierAdapter, digits: Digits, out: Path, **settings: Any) -> Any:
    return ng.harden(classifier, **{"fit": digits[0], "data": digits[1], "suite": "none", "out": out, **settings})


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        ({"invariant": "color_cube"}, InputError, "expected color images for the group"),
        ({"invariant": ""}, InputError, "expected one or more of the groups"),
        ({"invariant": "rotation"}, SpecError, "expected the name of a group, got 'rotation'"),
        ({"method": "canonicalize(epoch=3)"}, SpecError, "expected an argument of canonicalize, got 'epoch'"),
        ({"method": "selective(again=2.0)"}, InputError, r"expected again above 0 and below 1, got 2\.0"),
        ({"method": "canonicalize(epochs=0)"}, InputError, "expected epochs of at least 1, got 0"),
        ({"seeds": 0}, InputError, "expected --seeds of at least 1, got 0"),
        ({"size": 9}, InputError, "expected no 'size' beside a classifier that is open"),
        ({"sizes": 9}, InputError, "expected no 'sizes'; did you mean 'size'?"),
        ({"fit": FitData(np.zeros((30, 1, 9, 9), np.uint8))}, InputError, "expected fit images of channels"),
        (
            {"fit": FitData(np.zeros((3, 1, 8, 8), np.uint8))},
            InputError,
            "expected at least 20 images",
        ),
    ],
)
def test_what_is_unusable_is_one_sentence(
    classifier: ClassifierAdapter,
    digits: Digits,
    tmp_path: Path,
    settings: dict[str, Any],
    error: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(error, match=f"^{sentence}".replace("?", r"\?")):
        harden(classifier, digits, tmp_path / "out", **settings)
    assert not (tmp_path / "out" / "harden.json").exists()


def test_a_classifier_that_answers_nan_is_refused_before_any_fit(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    broken = replace(classifier, run=lambda images: torch.full((len(images), 10), torch.nan), module=None)
    steps: list[str] = []
    with pytest.raises(InputError, match=r"^expected finite outputs of reader, got NaN or infinity for"):
        harden(broken, digits, tmp_path / "out", progress=lambda where: steps.append(where.text))
    assert not any("fitting" in text for text in steps)
    assert not (tmp_path / "out" / "harden.json").exists()


def test_data_without_an_image_whose_label_is_kept_is_refused(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    lost = list("123456789")
    rules.write_text(f'[digits]\ncomplete = true\n[[digits.rules]]\ntransform = "negative"\nlost = {lost}\n')
    data = digits[1].take(np.flatnonzero(digits[1].labels), split="test")
    with pytest.raises(
        InputError, match=r"^expected an image of digits.* that keeps its label under the group negative"
    ):
        harden(classifier, digits, tmp_path / "out", data=data, label_preserving=rules)


def test_turns_are_refused_for_images_that_are_not_square(digits: Digits, tmp_path: Path) -> None:
    class Reader(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1)[:, :10]

    wide = ng.open_classifier(Reader().eval(), size="8x6", channels="gray", classes=10)
    with pytest.raises(InputError, match=r"^expected square images for the group quarter_turns, got 8x6; "):
        harden(wide, digits, tmp_path / "out", invariant="quarter_turns")


def test_a_folder_that_holds_something_else_stays_as_it_is(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"or to hold a hardened model, got notes\.txt; give another --out"):
        harden(classifier, digits, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("negatoscope-cache")] == ["notes.txt"]
    with pytest.raises(OutputError, match="got a file; give another --out"):
        harden(classifier, digits, tmp_path / "notes.txt")


def test_the_first_images_may_all_be_unreadable(tmp_path: Path) -> None:
    for index in range(8):
        file = tmp_path / "ab"[index % 2] / f"{index}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((9, 9), 30 * index, np.uint8)).save(file)
    for file in sorted((tmp_path / "a").iterdir())[:3]:
        file.write_bytes(b"no image")
    reader = torch.nn.Sequential(torch.nn.AvgPool2d(240), torch.nn.Flatten(), torch.nn.Linear(4, 2)).eval()
    large = ng.open_classifier(reader, size=480, channels="gray", classes=2)
    fit = FitData(np.zeros((20, 1, 480, 480), np.uint8))
    config = AuditConfig(suite="none")
    data = open_dataset(tmp_path)
    plan = make_harden_plan(large, data, fit, invariant="negative", method="average", seeds=1, config=config)
    opened = OpenHarden(plan, tmp_path, record_provenance(command="", hardware="", data=[]))
    assert opened.plan_before.batch_size == 3
    assert opened.images.amax() == 6 * 30 / 255


def test_a_full_disk_leaves_no_proof(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device; give another place or make room"):
        harden(classifier, digits, tmp_path / "out")
    assert not (tmp_path / "out" / "harden.json").exists()


def test_a_hardened_classifier_is_not_hardened_once_more(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    first = wrap(classifier, Average(resolve_group("negative", channels=1), "probabilities"))
    with pytest.raises(InputError, match=r"^expected a classifier that is not hardened yet, got .*negative,flip$"):
        harden(first, digits, tmp_path / "out", invariant="flip", method="average")


def test_fit_images_of_fewer_bits_than_their_files_are_asked_about(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    for index, image in enumerate(np.asarray(digits[0].images)[:30, 0]):
        Image.fromarray(image.astype(np.uint16) * 16).save(tmp_path / f"{index}.png")
    fit = open_images(str(tmp_path), split="train")
    with pytest.raises(InputError, match=r"^expected values up to 65535 in the 16-bit images"):
        harden(classifier, digits, tmp_path / "out", fit=fit)


def test_other_classes_that_keep_their_label_are_another_hardening(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    given = {"method": "average", "label_preserving": rules}
    for kept in (["0", "1", "2"], ["0", "1"]):
        names = ", ".join(f'"{name}"' for name in kept)
        rules.write_text(f'[["{digits[1].spec}".rules]]\ntransform = "negative"\npreserved = [{names}]\n')
        result = harden(classifier, digits, tmp_path / "out", **given, overwrite=True)
        n = int(np.isin(digits[1].labels, list(map(int, kept))).sum())
        assert result.summary.methods[0].negative_after.n == n
