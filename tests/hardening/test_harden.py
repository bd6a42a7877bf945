"""From a classifier that misreads negatives to one that does not, and to the proof."""

import json
import re
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

import negatoscope as ng
from negatoscope.auditing.audit_result import read_audit
from negatoscope.auditing.plan import AuditConfig
from negatoscope.data import Dataset
from negatoscope.documents import read_document
from negatoscope.errors import InputError, OutputError
from negatoscope.hardening.plan import ATTACKS, make_harden_plan
from negatoscope.hardening.result import HardenResult, HardenSummary
from negatoscope.hardening.text import verdict_sentence
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import predict


class ToFloat(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.float() / 255


Digits = tuple[Dataset, Dataset]
OTHERS = ("gamma(exponent=2.0)", "pixel_flips(probability=0.5)", "pgd(epsilon=0.03, steps=10)")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hardened") / "out"


@pytest.fixture(scope="module")
def hardened(classifier: ClassifierAdapter, digits: Digits, out: Path) -> HardenResult:
    methods = "canonicalize,average(of='logits'),selective"
    return ng.harden(
        classifier, fit=digits[0], data=digits[1], method=methods, seeds=2, suite="none", transforms=OTHERS, out=out
    )


def test_a_canonicalized_reader_reads_every_negative_as_it_reads_the_image(hardened: HardenResult) -> None:
    first = hardened.summary.methods[0]
    assert (first.method, first.by_construction, first.n) == ("canonicalize", True, 300)
    assert first.consistency_after.accuracy == 1
    assert first.negative_after.correct == first.clean_after.correct == first.orbit_worst_after.correct
    assert first.negative_before.accuracy < 0.5 < 0.9 < first.negative_after.accuracy
    assert first.worthwhile
    assert hardened.summary.best.method == "canonicalize"
    assert hardened.summary.verdict.startswith(
        "Hardened by canonicalize, reader is as accurate on negatives as on clean images, at"
    )


def test_the_numbers_are_those_of_the_hardened_classifier_itself(hardened: HardenResult, digits: Digits) -> None:
    pixels, labels = np.asarray(digits[1].images), digits[1].labels
    for entry, made in zip(hardened.summary.methods, hardened.classifiers, strict=True):
        clean, negative = (predict(made, images, labels, device=made.device) for images in (pixels, 255 - pixels))
        right = clean.predictions == labels, negative.predictions == labels
        assert entry.clean_after.correct == right[0].sum()
        assert entry.negative_after.correct == right[1].sum()
        assert entry.orbit_worst_after.correct == (right[0] & right[1]).sum()
        assert entry.consistency_after.correct == (clean.predictions == negative.predictions).sum()


def test_changes_are_paired_with_the_audit_before(hardened: HardenResult, out: Path) -> None:
    before = read_audit(out / "before")
    for entry in hardened.summary.methods:
        after = read_audit(out / entry.folder)
        compared = ng.compare(before, after)
        assert entry.changes == compared.rates
        assert entry.clean_change.difference == pytest.approx(after.clean.accuracy - before.clean.accuracy)
        assert [change.spec for change in entry.changes] == ["clean", "negative", *OTHERS, "worst_case"]


def test_a_method_that_draws_nothing_is_measured_once(hardened: HardenResult) -> None:
    runs = [(entry.method, entry.seed) for entry in hardened.summary.methods]
    assert runs == [("canonicalize", 0), ("canonicalize", 1), ("average(of='logits')", 0), ("selective", 0)]
    assert [entry.by_construction for entry in hardened.summary.methods] == [True, True, True, False]
    assert len({entry.sha256 for entry in hardened.summary.methods}) == 4


def test_passes_are_counted(hardened: HardenResult) -> None:
    passes = {entry.method: entry.cost.passes for entry in hardened.summary.methods}
    assert passes["canonicalize"] == 1
    assert passes["average(of='logits')"] == 2
    assert 1 < passes["selective"] < 2
    cost = hardened.summary.methods[0].cost
    assert cost.parameters_added == 80 + 1168 + 4640 + 33
    assert cost.parameters_before == 160 + 4640 + 5130
    assert cost.flops_added > 0
    assert cost.flops_before is not None


def test_the_document_says_it_all(hardened: HardenResult, out: Path) -> None:
    document = json.loads((out / "harden.json").read_text(encoding="utf-8"))
    wanted = ("clean_before", "clean_after", "negative_before", "negative_after", "orbit_worst_after")
    for entry in document["methods"]:
        assert all(set(entry[name]) == {"n", "correct", "accuracy", "low", "high"} for name in wanted)
        assert {"method", "seconds_fit", "inference_cost"} <= set(entry)
    read = read_document(out / "harden.json", HardenSummary, what="a proof", make="harden again")
    assert read == hardened.summary
    assert "invariant='negative', method=\"canonicalize,average(of='logits'),selective\"" in read.provenance.command


def test_another_run_resumes_and_gives_the_same_numbers(
    hardened: HardenResult, classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(hardened.out, tmp_path / "copy"))
    rows = {path: path.stat().st_mtime_ns for path in out.rglob("rows.parquet/*.parquet")}
    assert len(rows) == 5
    again = ng.harden(classifier, fit=digits[0], data=digits[1], suite="none", transforms=OTHERS, out=out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("rows.parquet/*.parquet")} == rows
    assert [entry.changes for entry in again.summary.methods] == [hardened.summary.methods[0].changes]


def test_a_stopped_fit_that_gives_other_weights_again_is_audited_again(
    hardened: HardenResult, classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    """As on a GPU: the audit that was stopped is one of other weights, here those of another seed."""
    out = Path(shutil.copytree(hardened.out, tmp_path / "copy"))
    shutil.rmtree(out / "after-canonicalize")
    shutil.move(out / "after-canonicalize-seed-1", out / "after-canonicalize")
    (out / "fits" / "after-canonicalize.json").unlink()
    again = ng.harden(classifier, fit=digits[0], data=digits[1], suite="none", transforms=OTHERS, out=out)
    assert [entry.changes for entry in again.summary.methods] == [hardened.summary.methods[0].changes]


def test_other_fit_images_are_refused_and_leave_the_earlier_result_whole_until_it_is_overwritten(
    hardened: HardenResult, classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(hardened.out, tmp_path / "copy"))
    others = {"fit": digits[0].take(np.arange(500), split="train"), "data": digits[1], "transforms": OTHERS}
    with pytest.raises(OutputError, match="another hardening: the fit images differ; give another --out, or --over"):
        ng.harden(classifier, suite="none", out=out, method="average", **others)
    assert (out / "harden.json").read_bytes() == (hardened.out / "harden.json").read_bytes()
    for overwrite in (True, False):
        result = ng.harden(classifier, suite="none", out=out, method="average", overwrite=overwrite, **others)
        assert result.summary.n_fit == 500
    assert not (out / "after-canonicalize" / "hardened.onnx").exists(), "it is another's"


def test_images_that_all_are_negatives_stop_it_unless_one_insists(
    classifier: ClassifierAdapter, digits: Digits
) -> None:
    negatives = replace(digits[1], images=255 - np.asarray(digits[1].images))
    settings: dict[str, Any] = {"fit": digits[0], "data": negatives, "suite": "none"}
    with pytest.raises(InputError, match=r"\(the negative\) .* or skip this check with --no-self-check$"):
        ng.harden(classifier, **settings)
    result = ng.harden(classifier, no_self_check=True, **settings)
    assert result.summary.methods[0].clean_after.accuracy > 0.9
    assert "no_self_check=True" in result.summary.provenance.command


def test_attacks_join_where_gradients_flow(classifier: ClassifierAdapter, digits: Digits) -> None:
    settings: dict[str, Any] = {"invariant": "negative", "method": "average", "seeds": 1}
    plans = [
        make_harden_plan(one, digits[1], digits[0], **settings, config=AuditConfig(suite="negative"))
        for one in (classifier, replace(classifier, module=None))
    ]
    assert [plan.config.transforms for plan in plans] == [ATTACKS, ()]
    assert [plan.warnings for plan in plans] == [(), ()]


@pytest.mark.parametrize("frozen", [True, False])
def test_a_module_that_no_gradients_flow_through_is_hardened_without_those_attacks_and_told_so(
    network: nn.Module, digits: Digits, frozen: bool
) -> None:
    module = deepcopy(network).requires_grad_(not frozen)
    reader = open_classifier(
        nn.Sequential(ToFloat(), module).eval(), size=8, channels="gray", classes=10, dtype="uint8", name="reader"
    )
    settings: dict[str, Any] = {"invariant": "negative", "method": "average", "seeds": 1}
    config = AuditConfig(suite="negative")
    plan = make_harden_plan(reader, digits[1], digits[0], **settings, config=config)
    assert plan.config.transforms == ()
    assert plan.warnings == (
        "fgsm(epsilon=0.03) and pgd(epsilon=0.03, steps=10) are not tried: no gradients flow through reader",
    )
    with pytest.raises(InputError, match=r"^expected a classifier that gradients flow through, got"):
        make_harden_plan(reader, digits[1], digits[0], **settings, config=replace(config, transforms=ATTACKS[:1]))


def test_the_page_needs_no_network_and_begins_with_the_verdict(hardened: HardenResult, out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f'<h1 class="verdict">{hardened.summary.verdict}</h1>' in page.replace("\u00a0%", " %")
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    for title in ("Methods", "What else changed", "Images", "Cost", "How to use it", "Method and limits"):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<figure") >= 6
    others = page[page.index("<h2>What else changed</h2>") :].partition("<h2>")[2].partition("<h2>")[0]
    assert [name for name in ("clean", "negative", "gamma(") if f"<code>{name}" in others] == ["gamma("]
    assert "what is shown" in page
    assert (out / "report.md").read_text(encoding="utf-8") == str(hardened)
    assert hardened.summary.verdict in str(hardened)


def test_each_method_leaves_files_that_take_the_classifiers_place(hardened: HardenResult, out: Path) -> None:
    for entry in hardened.summary.methods:
        assert entry.no_file == ""
        assert entry.drop_in is not None
        assert set(entry.drop_in.files) == {"hardened.onnx", "hardened.safetensors"}
        assert all((out / entry.folder / name).is_file() for name in entry.drop_in.files)


def test_labels_that_an_element_changes_are_named_before_anything_is_fitted(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        "[digits]\ncomplete = true\n"
        '[[digits.rules]]\ntransform = "rotation"\nwhere = { degrees = 180.0 }\nlost = ["6", "9"]\n'
        '[[digits.rules]]\ntransform = "rotation"\nlost = "all"\n'
    )
    settings: dict[str, Any] = {"invariant": "quarter_turns", "method": "average", "seeds": 1}
    config = AuditConfig(suite="none", label_preserving=rules)
    plan = make_harden_plan(classifier, digits[1], digits[0], **settings, config=config)
    assert len(plan.warnings) == 1
    assert plan.warnings[0].startswith(
        "3 of the 3 transforms, such as rotation(degrees=90.0), change the label of some"
    )
    flip = make_harden_plan(classifier, digits[1], digits[1], **{**settings, "invariant": "flip"}, config=config)
    assert flip.warnings == (
        "the evaluation images are the ones that methods are fitted on, so accuracies are optimistic",
    )


def test_hardening_that_costs_more_than_5_points_or_gains_nothing_is_not_worth_it(hardened: HardenResult) -> None:
    summary, entry = hardened.summary, hardened.summary.methods[0]
    costly = replace(entry, clean_after=replace(entry.clean_after, accuracy=entry.clean_before.accuracy - 0.06))
    useless = replace(entry, orbit_worst_change=replace(entry.orbit_worst_change, low=-0.01))
    assert [one.orbit_worst_significant for one in (entry, useless)] == [True, False]
    sentences = [verdict_sentence(replace(summary, methods=(one,))) for one in (costly, useless)]
    assert sentences[0].startswith("Not worth it: with canonicalize clean accuracy falls by 6.0 points")
    assert sentences[1].startswith("Not worth it: canonicalize does not raise the accuracy on negatives significantly")


def test_a_verdict_compares_clean_accuracy_with_that_of_the_same_images_alone(hardened: HardenResult) -> None:
    entry = hardened.summary.methods[0]
    some = replace(entry, orbit_worst_after=replace(entry.orbit_worst_after, n=90))
    sentence = verdict_sentence(replace(hardened.summary, methods=(some,), elements=("flip",), invariant="flip"))
    before, after = (f"{100 * rate.accuracy:.1f} %" for rate in (entry.orbit_worst_before, entry.orbit_worst_after))
    assert f"reader is more accurate on images under flip: {after}, up from {before}, at no cost in clean" in sentence


def test_other_classes_of_the_fit_images_are_counted_and_the_first_of_them_is_named(
    classifier: ClassifierAdapter, digits: Digits
) -> None:
    more = replace(digits[0], class_names=(*digits[0].class_names, "ten"))
    settings: dict[str, Any] = {"invariant": "negative", "method": "average", "seeds": 1}
    plan = make_harden_plan(classifier, digits[1], more, **settings, config=AuditConfig(suite="none"))
    assert plan.warnings == (
        "labels of the fit images are not used: their 11 classes are not the 10 of the evaluation images; the first "
        "that differs, class 10, is 'ten' there and missing here",
    )


def test_twelve_bits_and_labels_in_a_table_are_read_as_an_audit_reads_them(
    classifier: ClassifierAdapter, digits: Digits, tmp_path: Path
) -> None:
    lines = ["file,label"]
    for dataset, folder, n in ((digits[0], "fit", 60), (digits[1], "judge", 40)):
        (tmp_path / folder).mkdir()
        for index, pixels in enumerate(np.asarray(dataset.images)[:n, 0]):
            twelve = (pixels.astype(np.float64) * 4095 / 255).round().astype(np.uint16)
            Image.fromarray(twelve).save(tmp_path / folder / f"{index}.png")
            lines += [f"{index}.png,{dataset.labels[index]}"] if folder == "judge" else []
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    files = {"fit": tmp_path / "fit", "data": tmp_path / "judge", "labels": tmp_path / "labels.csv"}
    with pytest.raises(InputError, match="give --bits 12"):
        ng.harden(classifier, suite="none", **files)
    result = ng.harden(classifier, suite="none", bits=12, **files)
    assert "bits=12" in result.summary.provenance.command
    assert "labels.csv" in result.summary.provenance.command
    fit, judge = (dataset.take(np.arange(n), split=dataset.split) for dataset, n in zip(digits, (60, 40), strict=True))
    other = ng.harden(classifier, suite="none", fit=fit, data=judge)
    for name in ("clean_before", "negative_before", "clean_after", "negative_after"):
        first, second = (getattr(found.summary.methods[0], name) for found in (result, other))
        assert (first.n, first.correct) == (40, second.correct)
    assert ng.verify(result.classifier, tmp_path / "judge", bits=12).agreeing == 40
    with pytest.raises(InputError, match="give --bits 12"):
        ng.verify(result.classifier, tmp_path / "judge")
