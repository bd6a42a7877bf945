"""One pass: the same rows however often it is stopped, and nothing of somebody else's is touched."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from negatoscope.attacks import resolve_attack
from negatoscope.auditing import parts
from negatoscope.auditing import plan as plan_module
from negatoscope.auditing.audit import audit
from negatoscope.auditing.failures import write_failures
from negatoscope.auditing.gallery import PICTURES, Gallery, save_gallery
from negatoscope.auditing.parts import RunTotals
from negatoscope.auditing.plan import REPORT, AuditConfig, AuditPlan, PlannedTransform, make_plan
from negatoscope.auditing.run import AuditProgress, Stage, run_pass
from negatoscope.auditing.steps import transform_step
from negatoscope.data import Dataset
from negatoscope.data.open import open_dataset
from negatoscope.documents import read_document
from negatoscope.errors import DataError, InputError, OutputError, SpecError
from negatoscope.executors import using_threads
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import predict_images, to_images
from negatoscope.rows import read_rows
from negatoscope.types import Images, Logits

CPU = torch.device("cpu")
OPTIONS = {"size": 8, "channels": "gray"}


def brightest_bar(images: Images) -> Logits:
    """Reads `make_dataset`'s bars as a person would, but not their negatives."""
    rows = images.mean(dim=(1, 3))
    return 9 * torch.stack([rows[:, :2].mean(1), rows[:, 2:4].mean(1), rows[:, 4:6].mean(1)], dim=1)


@pytest.fixture(scope="module")
def classifier() -> ClassifierAdapter:
    return open_classifier(brightest_bar, **OPTIONS, data_classes=3, device=CPU)


MakePlan = Callable[..., AuditPlan]


@pytest.fixture(scope="module", autouse=True)
def small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plan_module, "_PARTS", (64, 2048))
        yield


@pytest.fixture(scope="module")
def make(classifier: ClassifierAdapter, make_dataset: Callable[..., Dataset]) -> MakePlan:
    def made(n: int = 4200, **choice: object) -> AuditPlan:
        chosen = {"suite": "none", "transforms": ("negative", "pixel_flips(probability=0.2)", "flip"), **choice}
        return make_plan(classifier, make_dataset(n, split="test"), AuditConfig(**chosen))  # type: ignore[arg-type]

    return made


def stop_after(images: int) -> Callable[[AuditProgress], None]:
    def report(progress: AuditProgress) -> None:
        if progress.images >= images:
            raise KeyboardInterrupt

    return report


Whole = tuple[Path, RunTotals, list[AuditProgress]]


@pytest.fixture(scope="module")
def whole(make: MakePlan, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The folder of a pass in three parts, what it counted, and what it reported."""
    out, seen = tmp_path_factory.mktemp("whole"), list[AuditProgress]()
    return out, run_pass(make(), out=out, progress=seen.append), seen


def test_the_estimate_comes_from_the_pass_itself(whole: Whole) -> None:
    out, _, seen = whole
    early, late = seen[0], seen[-1]
    assert early.seconds_left is not None
    assert (early.size_bytes, late.images, late.seconds_left) == (None, 4200, 0)
    size = sum(path.stat().st_size for path in (out / "rows.parquet").iterdir())
    assert late.size_bytes == pytest.approx(size, rel=0.1)


def test_a_stopped_audit_resumes_and_ends_with_the_same_rows(make: MakePlan, whole: Whole, tmp_path: Path) -> None:
    for images in (600, 2500, 4150):
        with pytest.raises(KeyboardInterrupt):
            run_pass(make(), out=tmp_path, progress=stop_after(images))
    seen: list[AuditProgress] = []
    totals = run_pass(make(), out=tmp_path, progress=seen.append)
    parts = [sorted((folder / "rows.parquet").iterdir()) for folder in (tmp_path, whole[0])]
    assert [part.name for part in parts[0]] == [f"{index:06d}.parquet" for index in range(3)]
    assert [part.read_bytes() for part in parts[0]] == [part.read_bytes() for part in parts[1]]
    assert totals == whole[1]
    assert seen[0].images == 2048, "what an earlier run did is not done again"
    assert seen[-1].images == seen[-1].total == 4200


def test_batches_side_by_side_leave_the_rows_that_one_after_the_other_leave(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)]
    network = open_classifier(nn.Sequential(*layers).eval(), **OPTIONS, data_classes=3, device=CPU)
    rows = []
    for threads in (1, 4):
        with using_threads(threads):
            plan = make_plan(network, make_dataset(1500, split="test"), AuditConfig(suite="all"))
            run_pass(plan, out=tmp_path / str(threads))
        rows.append([part.read_bytes() for part in sorted((tmp_path / str(threads) / "rows.parquet").iterdir())])
    assert rows[0] == rows[1]


def test_an_audit_that_is_killed_while_its_parts_are_moved_resumes_with_the_same_rows(
    make: MakePlan, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = parts._move

    def killed(folders: Sequence[Path], rows: Path) -> None:
        move(folders[:1], rows)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(parts, "_move", killed)
        with pytest.raises(KeyboardInterrupt):
            run_pass(make(), out=tmp_path)
    assert len(list((tmp_path / "rows.parquet").iterdir())) == 1
    assert run_pass(make(), out=tmp_path) == whole[1]
    assert read_rows(tmp_path / "rows.parquet").equals(read_rows(whole[0] / "rows.parquet"))


def test_every_image_has_a_row_under_every_transform(make: MakePlan, tmp_path: Path) -> None:
    plan = make(300)
    run_pass(plan, out=tmp_path)
    rows = read_rows(tmp_path / "rows.parquet").to_pandas()
    assert rows.groupby("transform", observed=True)["sample"].apply(list).map(sorted).map(len).to_dict() == {
        "clean": 300,
        "negative": 300,
        "pixel_flips(probability=0.2)": 300,
        "flip": 300,
    }
    clean = rows[rows["transform"] == "clean"]
    assert (clean.prediction == clean.label).mean() > 0.99
    middle = rows[(rows["transform"] == "negative") & (rows["label"] != 1)]
    assert (middle["prediction"] != middle["label"]).all(), "a dark bar is not the brightest"


def test_a_finished_audit_classifies_nothing_again(make: MakePlan, tmp_path: Path) -> None:
    plan = make(100)
    totals = run_pass(plan, out=tmp_path)

    def refuse(batch: torch.Tensor) -> torch.Tensor:
        raise AssertionError("classified again")

    deaf = replace(plan, classifier=replace(plan.classifier, run=refuse))
    assert run_pass(deaf, out=tmp_path) == totals


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"seed": 7}, r"seed is 0 there, 7 here"),
        (
            {"transforms": ("negative", "gamma(exponent=2.0)")},
            r"transforms differ \(.*, flip only there; gamma\(exponent=2\.0\) only here\)",
        ),
        ({"limit": 50}, "the images differ"),
    ],
)
def test_another_audit_does_not_mix_with_the_one_that_is_there(
    other: dict[str, object], difference: str, make: MakePlan, tmp_path: Path
) -> None:
    run_pass(make(100), out=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(OutputError, match=rf"got another audit: .*{difference}.*; give another --out, or --overwrite"):
        run_pass(make(100, **other), out=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_another_audit_makes_room_where_that_is_asked_for_and_leaves_nothing(make: MakePlan, tmp_path: Path) -> None:
    run_pass(make(100), out=tmp_path / "a")
    (tmp_path / "a" / "notes.txt").write_text("my own")
    run_pass(make(100, seed=7, overwrite=True), out=tmp_path / "a")
    run_pass(make(100, seed=7), out=tmp_path / "b")
    rows = {folder: read_rows(tmp_path / folder / "rows.parquet") for folder in "ab"}
    assert rows["a"].equals(rows["b"])
    assert (tmp_path / "a" / "notes.txt").read_text() == "my own"


def test_with_overwrite_the_same_audit_classifies_nothing_again(make: MakePlan, tmp_path: Path) -> None:
    run_pass(make(100), out=tmp_path)
    before = (tmp_path / "done.json").stat().st_mtime_ns
    run_pass(make(100, overwrite=True), out=tmp_path)
    assert (tmp_path / "done.json").stat().st_mtime_ns == before


def test_overwrite_knows_everything_that_an_audit_writes(make: MakePlan, tmp_path: Path) -> None:
    plan = make(100)
    audit(plan.classifier, plan.dataset, suite="negative", out=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - {".lock", "plan.json"} == set(AuditPlan.written) - {"parts"}


def test_without_a_report_rows_and_summary_are_the_same_and_an_earlier_report_goes(
    make: MakePlan, tmp_path: Path
) -> None:
    plan = make(100)
    settings: dict[str, Any] = {"suite": "negative", "fail_under": "negative=0.9", "out": tmp_path}
    whole = audit(plan.classifier, plan.dataset, **settings)
    rows = whole.rows()
    for out in (tmp_path, tmp_path / "other"):
        bare = audit(plan.classifier, plan.dataset, **{**settings, "out": out}, no_report=True)
        assert {path.name for path in out.iterdir()} - {".lock", "plan.json", "other"} == (
            set(AuditPlan.written) - set(REPORT) - {"parts"}
        )
        assert bare.rows().equals(rows)
        assert replace(bare.summary, provenance=whole.summary.provenance) == whole.summary
        assert not bare.passed
        assert "no_report=True" in bare.summary.provenance.command


def test_progress_tells_of_every_stage_in_its_order(make: MakePlan, tmp_path: Path) -> None:
    plan, stages = make(100), list[str]()
    audit(plan.classifier, plan.dataset, suite="negative", progress=lambda progress: stages.append(progress.stage))
    assert list(dict.fromkeys(stages)) == list(get_args(Stage))


def test_overwrite_touches_no_folder_that_is_no_audits(make: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"got thesis\.tex; give another --out"):
        run_pass(make(100, overwrite=True), out=tmp_path)


def test_overwrite_replaces_a_damaged_plan(make: MakePlan, tmp_path: Path) -> None:
    run_pass(make(100), out=tmp_path)
    (tmp_path / "plan.json").write_text("{")
    run_pass(make(100, seed=7, overwrite=True), out=tmp_path)
    assert set(read_rows(tmp_path / "rows.parquet")["seed"].to_pylist()) == {7}


def test_a_folder_with_somebody_elses_files_is_refused(make: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"got thesis\.tex; give another --out"):
        run_pass(make(100), out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".lock") == ["thesis.tex"]


def brighter(images: Images) -> Images:
    return images + 0.5


def smaller(images: Images) -> Images:
    return images[:, :, :4]


def unknown(images: Images) -> Images:
    return images * float("nan")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (brighter, r"to stay in \[0, 1\], got values from"),
        (smaller, "to keep shape and dtype"),
        (unknown, r"to stay in .* got values from nan"),
    ],
)
def test_a_transform_that_breaks_its_promise_stops_the_audit(
    function: Callable[[Images], Images], reason: str, make: MakePlan, tmp_path: Path
) -> None:
    plan = make(100)
    broken = PlannedTransform("broken", "label_preserving", transform_step(function), {}, None)
    with pytest.raises(InputError, match=f"expected broken {reason}"):
        run_pass(replace(plan, transforms=(broken,)), out=tmp_path)
    assert not (tmp_path / "rows.parquet").exists()


def test_an_attack_is_audited_by_its_spec_beside_the_transforms(
    classifier: ClassifierAdapter, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    dataset = make_dataset(200, split="test")
    specs = ("negative", "fgsm(epsilon=0.4)", "pgd(epsilon=0.4, steps=3)")
    result = audit(classifier, dataset, suite="none", transforms=specs, seed=5, out=tmp_path / "audit")
    images, labels = to_images(torch.from_numpy(np.asarray(dataset.images))), torch.from_numpy(dataset.labels)
    for spec in specs[1:]:
        attacked = resolve_attack(spec, seed=5)(classifier, images[:128], labels[:128]).images  # the first batch
        expected = predict_images(classifier, attacked, labels[:128])
        rows = read_rows(result.out / "rows.parquet", where={"transform": spec})
        np.testing.assert_array_equal(rows["prediction"].to_numpy()[:128], expected.predictions)
        assert result.transforms[spec].kind == "attack"
        assert result.transforms[spec].accuracy < result.clean.accuracy
    assert result.summary.worst_case.accuracy == result.transforms["negative"].accuracy, "attacks do not enter it"
    assert "Attacks" in (result.out / "report.html").read_text(encoding="utf-8")


def test_unreadable_images_are_counted_and_named(
    classifier: ClassifierAdapter, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    dataset = make_dataset(30, split="test")
    for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        place = tmp_path / "images" / f"bar {label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(place / f"{index:03d}.png")
    broken = sorted((tmp_path / "images").rglob("*.png"))[7]
    broken.write_bytes(broken.read_bytes()[:60])
    data = open_dataset(str(tmp_path / "images"))
    plan = make_plan(classifier, data, AuditConfig(suite="none", transforms=("negative",)))
    totals = run_pass(plan, out=tmp_path / "out")
    assert (totals.read, totals.unreadable) == (29, 1)
    assert totals.unreadable_named[0].name.endswith(broken.name)
    assert len(read_rows(tmp_path / "out" / "rows.parquet", where={"transform": "negative"})) == 29


def test_images_that_can_all_not_be_read_are_an_error(classifier: ClassifierAdapter, tmp_path: Path) -> None:
    for name in ("bar 0", "bar 1", "bar 2"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "x.png").write_bytes(b"no image")
    data = open_dataset(str(tmp_path / "images"))
    plan = make_plan(classifier, data, AuditConfig(suite="none", transforms=("negative",)))
    with pytest.raises(DataError, match="none of its 3 can be read"):
        run_pass(plan, out=tmp_path / "out")


def test_the_size_that_noise_reached_is_recorded(make: MakePlan, tmp_path: Path) -> None:
    totals = run_pass(make(200, transforms=("noise(l2=0.5)",)), out=tmp_path)
    reached = totals.reached_l2["noise(l2=0.5)"]
    assert 0.3 < reached.reached.mean <= reached.max <= 0.5 + 1e-5


def test_the_gallery_shows_what_was_correct_before_and_misclassified_after(make: MakePlan, tmp_path: Path) -> None:
    plan = make(300)
    run_pass(plan, out=tmp_path)
    save_gallery(plan, write_failures(tmp_path, plan), out=tmp_path)
    entries = read_document(tmp_path / "gallery" / "gallery.json", Gallery, what="a gallery", make="").entries
    assert [entry.spec for entry in entries].count("negative") == PICTURES
    for entry in entries:
        label = plan.dataset.labels[np.searchsorted(plan.dataset.samples, entry.sample)]
        assert entry.before_prediction == label != entry.after_prediction
        before, after = (np.asarray(Image.open(tmp_path / "gallery" / name)) for name in (entry.before, entry.after))
        assert np.array_equal(before, plan.dataset.images[entry.sample][0])
        if entry.spec == "negative":
            assert np.array_equal(after, 255 - before)


def test_parts_are_whole_batches_and_smaller_where_transforms_are_many(make: MakePlan) -> None:
    few, many = make(4200), make(4200, suite="all")
    for plan in (few, many):
        assert sum(map(len, plan.parts)) == 4200
        assert all(len(part) % plan.batch_size == 0 for part in plan.parts[:-1])
        assert len(plan.parts[0]) * (1 + len(plan.transforms)) <= 100_000
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plan_module, "_PARTS", (64, 16_384))
        assert [len(part) for part in few.parts] == [4200]
        assert len(many.parts) > 1


def test_a_limit_takes_each_class_in_proportion(make: MakePlan) -> None:
    plan = make(3000, limit=300)
    shares = np.bincount(plan.dataset.labels) / 300
    assert plan.available == 3000
    assert np.abs(shares - np.bincount(make(3000).dataset.labels) / 3000).max() < 0.01


def test_transforms_of_color_are_refused_for_a_classifier_of_gray_images(make: MakePlan) -> None:
    with pytest.raises(SpecError, match="expected transforms of gray images"):
        make(10, transforms=("hue_shift(degrees=90.0)",))


def test_an_audit_of_no_images_is_refused_and_one_of_no_transforms_is_of_clean_images(make: MakePlan) -> None:
    with pytest.raises(InputError, match=r"^expected images in .*, got none; name another split or dataset$"):
        make(0)
    assert make(10, transforms=()).transforms == ()


def test_an_image_is_audited_once(classifier: ClassifierAdapter, make: MakePlan) -> None:
    twice = make(10).dataset.take(np.array([0, 1, 1]), split="test")
    with pytest.raises(InputError, match=r"^expected each image of .* once, got 1 of 3 again$"):
        make_plan(classifier, twice, AuditConfig())


def test_parts_of_other_borders_as_on_another_device_are_run_again(
    make: MakePlan, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(plan_module, "_PARTS", (64, 1024))
        with pytest.raises(KeyboardInterrupt):
            run_pass(make(), out=tmp_path, progress=stop_after(2500))
    assert run_pass(make(), out=tmp_path) == whole[1]
    files = [sorted((folder / "rows.parquet").iterdir()) for folder in (tmp_path, whole[0])]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
