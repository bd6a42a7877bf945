"""A search from end to end: what it says is what the classifier does, and a stopped one ends with the same bits."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import negatoscope as ng
from negatoscope.auditing.parts import ROWS
from negatoscope.data import Dataset
from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import predict
from negatoscope.searching import plan, universal
from negatoscope.searching.plan import SearchConfig, make_search_plan
from negatoscope.searching.result import SearchResult, SearchSummary, SpaceSummary, read_search
from negatoscope.searching.run import SEARCH, SearchPace, SearchProgress, search_parts
from negatoscope.searching.searched import SETTINGS, read_searched
from negatoscope.transforms import describe_transform

SHIFT = "translation(right=-0.125..0.125, down=-0.125..0.125)"
TONE = "gamma(exponent=0.5..2) | contrast(factor=0.5..1.5)"
BUDGET = 12


@pytest.fixture(scope="module")
def found(
    classifier: ClassifierAdapter, other: ClassifierAdapter, digits: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> SearchResult:
    """Two spaces, with another model that is shown what was found."""
    out = tmp_path_factory.mktemp("search") / "out"
    return ng.search(classifier, digits, space=[SHIFT, TONE], budget=BUDGET, transfer=other, out=out)


def space_of(result: SearchResult, text: str) -> SpaceSummary:
    return next(entry for entry in result.summary.spaces if entry.space.startswith(text.partition("(")[0]))


def test_clean_accuracy_is_that_of_the_classifier(
    found: SearchResult, classifier: ClassifierAdapter, digits: Dataset
) -> None:
    clean = predict(classifier, np.asarray(digits.images), digits.labels, device=classifier.device)
    assert found.summary.clean_accuracy == np.mean(clean.predictions == digits.labels)
    assert found.summary.n == len(digits) == 300


@pytest.mark.parametrize("text", [SHIFT, TONE])
def test_each_setting_found_does_what_the_search_says(
    text: str, found: SearchResult, classifier: ClassifierAdapter, digits: Dataset
) -> None:
    searched = read_searched(found.out, space_of(found, text).space)
    images = torch.from_numpy(np.asarray(digits.images)).float() / 255
    changed = [
        image if spec == "clean" else describe_transform(spec).function(image[None])[0]
        for image, spec in zip(images, searched.parameters, strict=True)
    ]
    predictions = classifier(torch.stack(changed)).argmax(dim=1).numpy()
    np.testing.assert_array_equal(predictions, searched.predictions)
    np.testing.assert_array_equal(predictions != digits.labels, searched.first_errors > 0)
    assert 0 < searched.fooled.sum() < 300


@pytest.mark.parametrize("text", [SHIFT, TONE])
def test_no_image_takes_more_queries_than_the_budget_and_fooled_ones_no_more_than_to_their_first_error(
    text: str, found: SearchResult
) -> None:
    summary = space_of(found, text)
    searched = read_searched(found.out, summary.space)
    assert searched.queries.max() == BUDGET
    broken = searched.first_errors > 0
    np.testing.assert_array_equal(searched.queries[broken], searched.first_errors[broken])
    np.testing.assert_array_equal(searched.first_errors == 1, ~searched.clean_correct)
    assert summary.queries == searched.queries.sum()
    assert summary.accuracy_under_attack.accuracy == np.mean(searched.correct) == summary.curve[-1].accuracy


def test_the_worst_case_over_spaces_is_below_each_of_them(found: SearchResult) -> None:
    robust = found.summary.accuracy_under_attack.accuracy
    by_space = [entry.accuracy_under_attack.accuracy for entry in found.summary.spaces]
    searched = [read_searched(found.out, entry.space) for entry in found.summary.spaces]
    assert robust == np.mean(searched[0].correct & searched[1].correct) <= min(by_space)
    assert found.summary.curve[0].accuracy == found.summary.clean_accuracy


def test_one_setting_for_all_is_judged_on_images_that_it_was_not_searched_on(
    found: SearchResult, classifier: ClassifierAdapter, digits: Dataset
) -> None:
    summary = space_of(found, SHIFT)
    setting = summary.universal
    assert setting is not None
    searched = read_searched(found.out, summary.space)
    fit = universal.fit_half(searched, seed=0)
    images = torch.from_numpy(np.asarray(digits.images)).float() / 255
    predictions = classifier(describe_transform(setting.parameters).function(images)).argmax(dim=1).numpy()
    assert setting.accuracy == np.mean((predictions == digits.labels)[~fit])
    assert setting.fit_accuracy == np.mean((predictions == digits.labels)[fit])
    assert (setting.n, setting.n_fit, setting.settings) == (150, 150, 32)
    assert setting.drop == pytest.approx(setting.clean_accuracy - setting.accuracy)
    assert summary.mean is not None
    assert setting.fit_accuracy < summary.mean.accuracy < summary.clean_accuracy
    assert summary.mean.accuracy == pytest.approx(np.mean([entry.accuracy for entry in summary.settings]))


def test_settings_are_tried_on_images_of_all_classes_whatever_the_order_of_the_data(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    nn.init.zeros_(network[1].weight)
    network[1].bias = nn.Parameter(torch.tensor([9.0, 0.0]))  # always the first class, which half of the images are of
    classifier = open_classifier(network.eval(), size=8, channels="gray", classes=2)
    halves = Dataset.from_arrays(np.zeros((1200, 8, 8), dtype=np.uint8), np.repeat([0, 1], 600))
    settings = {"space": "gamma(exponent=0.5..2)", "budget": 2, "no_self_check": True}
    (summary,) = ng.search(classifier, halves, **settings, out=tmp_path / "out").summary.spaces
    assert summary.mean is not None
    assert summary.mean.n == 256
    assert summary.mean.accuracy == pytest.approx(0.5, abs=0.1)


def test_another_model_is_shown_each_image_under_the_setting_found_for_it(
    found: SearchResult, other: ClassifierAdapter, digits: Dataset
) -> None:
    shown = {entry.space: entry for entry in found.summary.transfer}
    assert list(shown) == [entry.space for entry in found.summary.spaces]
    summary = space_of(found, SHIFT)
    searched = read_searched(found.out, summary.space)
    images = torch.from_numpy(np.asarray(digits.images)).float() / 255
    changed = [
        image if spec == "clean" else describe_transform(spec).function(image[None])[0]
        for image, spec in zip(images, searched.parameters, strict=True)
    ]
    clean = other(images).argmax(dim=1).numpy() == digits.labels
    correct = other(torch.stack(changed)).argmax(dim=1).numpy() == digits.labels
    entry = shown[summary.space]
    assert (entry.model, entry.n, entry.clean_accuracy) == ("another", 300, np.mean(clean))
    assert entry.accuracy == np.mean(correct)
    assert entry.fooled == np.mean(~correct[clean & searched.fooled])


def test_the_call_is_recorded(found: SearchResult) -> None:
    assert found.summary.provenance.command == (
        f"negatoscope.search(reader, 'digits', space=['{SHIFT}', '{TONE}'], budget={BUDGET}, transfer=[another])"
    )


def test_a_finished_search_is_read_back(found: SearchResult) -> None:
    assert read_search(found.out).summary == found.summary
    assert len(found.to_pandas()) == 600
    assert found.summary.verdict in str(found)
    assert re.search(r", searched on 150 images: accuracy on 150 other images goes from [\d.]+ to ", str(found))


def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_PART_IMAGES", 64)
    monkeypatch.setattr(plan, "_PART_QUERIES", 1)


def test_what_is_drawn_for_an_image_does_not_depend_on_parts(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SearchConfig(space=[SHIFT], strategy="sobol", budget=BUDGET)
    planned = make_search_plan(classifier, digits, config)
    search_parts(planned, tmp_path / "whole", SearchPace(planned, None))
    in_small_parts(monkeypatch)
    search_parts(planned, tmp_path / "parts", SearchPace(planned, None))
    assert len(list((tmp_path / "parts" / ROWS).iterdir())) == 5
    of_whole, of_parts = (read_searched(tmp_path / name, SHIFT) for name in ("whole", "parts"))
    np.testing.assert_array_equal(of_whole.first_errors, of_parts.first_errors)
    np.testing.assert_array_equal(of_whole.points[of_whole.fooled], of_parts.points[of_parts.fooled])


def stop_after(share: float) -> Callable[[SearchProgress], None]:
    def report(progress: SearchProgress) -> None:
        if progress.share >= share:
            raise KeyboardInterrupt

    return report


def test_what_a_killed_search_left_of_a_figure_is_gone_when_it_has_resumed(
    digits: Dataset, classifier: ClassifierAdapter, tmp_path: Path
) -> None:
    few = digits.take(np.arange(20), split="test")
    ng.search(classifier, few, space=SHIFT, budget=2, out=tmp_path)
    (tmp_path / "figures/.queries.png.77.tmp").write_bytes(b"half")
    ng.search(classifier, few, space=SHIFT, budget=2, out=tmp_path)
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_stopped_search_resumes_and_ends_with_the_same_bits(
    classifier: ClassifierAdapter,
    other: ClassifierAdapter,
    digits: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_small_parts(monkeypatch)
    given: dict[str, Any] = {"space": [SHIFT, TONE], "budget": BUDGET, "transfer": other}
    whole = ng.search(classifier, digits, **given, out=tmp_path / "whole")
    for share in (0.1, 0.5, 0.8, 0.9):
        with pytest.raises(KeyboardInterrupt):
            ng.search(classifier, digits, **given, out=tmp_path / "stopped", progress=stop_after(share))
    resumed = ng.search(classifier, digits, **given, out=tmp_path / "stopped")
    assert replace_provenance(resumed.summary) == replace_provenance(whole.summary)
    for name in (ROWS, SETTINGS):
        parts = [sorted((folder / name).iterdir()) for folder in (resumed.out, whole.out)]
        assert [part.name for part in parts[0]] == [f"{index:06d}.parquet" for index in range(5)]
        assert [part.read_bytes() for part in parts[0]] == [part.read_bytes() for part in parts[1]]


def replace_provenance(summary: SearchSummary) -> SearchSummary:
    return replace(summary, provenance=replace(summary.provenance, command=""))


def test_another_model_is_shown_a_finished_search_as_of_one_that_is_done(
    classifier: ClassifierAdapter, other: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    few = digits.take(np.arange(20), split="test")
    ng.search(classifier, few, space=SHIFT, budget=2, out=tmp_path)
    told: list[SearchProgress] = []
    again = ng.search(classifier, few, space=SHIFT, budget=2, out=tmp_path, transfer=other, progress=told.append)
    assert [entry.model for entry in again.summary.transfer] == ["another"]
    assert (told[-1].share, told[-1].earlier) == (SEARCH, SEARCH)


def test_another_search_in_the_folder_is_refused_and_overwrite_makes_room(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    few = digits.take(np.arange(40), split="test")
    first = ng.search(classifier, few, space=SHIFT, budget=3, out=tmp_path / "out")
    with pytest.raises(OutputError, match="another search: budget is 3 there, 4 here"):
        ng.search(classifier, few, space=SHIFT, budget=4, out=tmp_path / "out")
    again = ng.search(classifier, few, space=SHIFT, budget=4, out=tmp_path / "out", overwrite=True)
    assert again.summary.budget == 4
    assert first.summary.n == again.summary.n == 40


def test_an_audit_makes_no_room_for_itself_in_the_folder_of_a_search(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    few = digits.take(np.arange(40), split="test")
    found = ng.search(classifier, few, space=SHIFT, budget=2, out=tmp_path / "out")
    with pytest.raises(DataError, match=r"expected the plan of an audit in .*, but expected transforms, which"):
        ng.audit(classifier, few, suite="none", out=tmp_path / "out")
    with pytest.raises(OutputError, match=r"to be empty or to hold an audit, got report\.md; give another --out"):
        ng.audit(classifier, few, suite="none", out=tmp_path / "out", overwrite=True)
    assert read_search(tmp_path / "out").summary == found.summary


def test_only_classes_that_keep_their_label_are_searched(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[digits.rules]]\ntransform = "translation"\npreserved = ["0", "1", "2"]\n', encoding="utf-8")
    result = ng.search(classifier, digits, space=SHIFT, budget=3, label_preserving=rules)
    few = int(np.isin(digits.labels, [0, 1, 2]).sum())
    (summary,) = result.summary.spaces
    assert (summary.preserved, summary.n, result.summary.n) == ((0, 1, 2), few, few)
    assert {entry.label for entry in summary.per_class} == {0, 1, 2}


def test_of_few_settings_all_are_tried_on_all_images(classifier: ClassifierAdapter, digits: Dataset) -> None:
    result = ng.search(classifier, digits, space="negative(element=..)", budget=5)
    (summary,) = result.summary.spaces
    searched = read_searched(result.out, summary.space)
    assert set(searched.parameters) == {"clean", "negative"}
    assert searched.queries.max() == 2, "there is nothing else to ask"
    assert summary.universal is not None
    assert (summary.universal.parameters, summary.universal.settings) == ("negative", 2)
    assert [entry.point for entry in summary.settings] == [(0.25,), (0.75,)]


def test_labels_alone_leave_no_margin(classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path) -> None:
    few = digits.take(np.arange(60), split="test")
    planned = make_search_plan(classifier, few, SearchConfig(space=[SHIFT], budget=6, feedback="labels"))
    search_parts(planned, tmp_path, SearchPace(planned, None))
    searched = read_searched(tmp_path, SHIFT)
    assert np.isnan(searched.margins).all()
    assert {*np.array(searched.parameters)[searched.first_errors == 0]} == {"clean"}, "nothing says which is worse"


class Moody(nn.Module):
    """A real network whose dropout is on while it is asked."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(self.network(images), 0.3, training=True)


def test_a_classifier_that_answers_the_same_image_differently_is_named(
    classifier: ClassifierAdapter, digits: Dataset
) -> None:
    assert classifier.module is not None
    torch.manual_seed(0)
    with torch.no_grad():
        probe = replace(classifier, run=Moody(classifier.module), name="moody")
    few = digits.take(np.arange(60), split="test")
    result = ng.search(probe, few, space=SHIFT, budget=4, no_self_check=True)
    assert any(
        line.startswith("asked twice, moody answers the same image differently: ") for line in result.summary.warnings
    )
    searched = read_searched(result.out, result.summary.spaces[0].space)
    np.testing.assert_array_equal(searched.predictions != searched.labels, searched.first_errors > 0)
    calm = ng.search(classifier, few, space=SHIFT, budget=4)
    assert not any("differently" in line for line in calm.summary.warnings)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"space": "gamma(exponent=0..2)"}, "expected"),
        ({"space": "gamma(exponent=..)"}, "expected"),
        ({"space": "gamma(exponent=2..1)"}, "expected"),
        ({"space": "gamma(exponent=2.0)"}, "expected"),
        ({"space": "hue_shift(degrees=-180..180)"}, "gray"),
        ({"space": "color"}, "gray"),
        ({"space": []}, "expected one --space or more, got none"),
        ({"budget": 0}, "expected --budget of at least 1"),
        ({"strategy": "annealing"}, "annealing"),
        ({"strategy": "local(start='a')"}, "start"),
        ({"seed": -1}, "expected --seed from 0"),
        ({"fail_under": "robust=1.5"}, "expected a rule such as robust=0.5"),
        ({"expect_accuracy": 1.5}, "expected --expect-accuracy in"),
        ({"limit": 0}, "expected"),
    ],
    ids=str,
)
def test_what_cannot_be_searched_is_refused_in_one_sentence(
    given: dict[str, Any], sentence: str, classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence) as raised:
        ng.search(classifier, digits, **{"space": SHIFT, "budget": 3, **given}, out=tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists(), "nothing half-written"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the export
def test_gradients_need_a_classifier_that_they_flow_through(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    file = tmp_path / "reader.onnx"
    assert classifier.module is not None
    images = torch.zeros(1, 1, 8, 8)
    torch.onnx.export(
        classifier.module, (images,), str(file), dynamo=False, dynamic_axes={"x": {0: "n"}}, input_names=["x"]
    )
    model = open_classifier(str(file), size=8, channels="gray", classes=10)
    given: dict[str, Any] = {"space": SHIFT, "budget": 3, "strategy": "gradient"}
    with pytest.raises(InputError, match="a classifier that gradients flow through, got outputs without them"):
        ng.search(model, digits, **given, out=tmp_path / "out")
    with pytest.raises(InputError, match="expected scores as feedback of gradient"):
        ng.search(classifier, digits, **given, feedback="labels", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert ng.search(classifier, digits.take(np.arange(40), split="test"), **given).summary.strategy == "gradient"


def test_what_is_assumed_of_the_data_and_one_query_are_reported(classifier: ClassifierAdapter, digits: Dataset) -> None:
    result = ng.search(classifier, digits, space="gamma(exponent=0.9..1.1)", budget=1)
    assert "with at most 1 query for an image." in result.summary.verdict
    (space,) = result.summary.spaces
    assert space.assumed
    note = f"Nobody annotated these data. All labels are assumed to be kept in the space {space.label}."
    assert f"- {note}\n" in str(result)


def test_every_choice_is_tried_on_other_models_before_anything_is_searched(
    classifier: ClassifierAdapter, digits: Dataset
) -> None:
    flat = open_classifier(lambda images: images.flatten(1)[:, :10], size=(8, 6), channels="gray", classes=10)
    for seed in range(4):
        config = SearchConfig(space=["quarter_turns(element=..)"], seed=seed)
        with pytest.raises(InputError, match="square"):
            make_search_plan(classifier, digits, config, transfer=[flat])
