"""Small real studies on real digits: what is written and resumed, and that every number comes from rows."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from negatoscope.documents import read_document
from negatoscope.errors import DataError, DataNotFoundError
from negatoscope.executors import Execution
from negatoscope.hardware import pick_hardware
from negatoscope.reproduce.measure import accuracy_of, columns_by_pass
from negatoscope.reproduce.runs import read_run
from negatoscope.rows import estimate_size, read_rows
from negatoscope.studies.jobs import data_of
from negatoscope.studies.sensitivity import (
    Budget,
    SensitivityProgress,
    StudyRequest,
    count_study_passes,
    plan_study,
    study_sensitivity,
)
from negatoscope.studies.sensitivity_dry_run import dry_run_sensitivity
from negatoscope.studies.sensitivity_figure import draw_sensitivity
from negatoscope.studies.sensitivity_page import foot, sensitivity_page
from negatoscope.studies.sensitivity_plan import load_studies
from negatoscope.studies.sensitivity_report import report_sensitivity
from negatoscope.studies.sensitivity_result import Curve, SensitivityResult, SkippedStudy
from negatoscope.studies.sensitivity_run import StudyRun
from negatoscope.training.loop import TrainingProgress

pytest.importorskip("mlxtend")

HARDWARE = pick_hardware("cpu", "float32")
COMBINATION = """
[[studies.combinations]]
value = "He, small steps"
seeds = 1
changes = { learning_rate = 0.0005, network = { initialization = "he" } }
"""


@dataclass
class Notes:
    """A progress that remembers."""

    plans: list[tuple[int, int, float]] = field(default_factory=list)
    steps: list[tuple[str, TrainingProgress | str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def planned(self, runs: int, done: int, seconds: float, not_run: Sequence[SkippedStudy], beyond: int) -> None:
        self.plans.append((runs, done, seconds))

    def moved(self, name: str, moment: TrainingProgress | str) -> None:
        self.steps.append((name, moment))

    def finished(self, name: str, run: StudyRun, seconds: float) -> None:
        self.ended.append(name)


@dataclass(frozen=True)
class Made:
    """A study that was made: five runs of one epoch on a few hundred digits."""

    request: StudyRequest
    out: Path
    result: SensitivityResult
    notes: Notes

    def again(self, out: Path, progress: SensitivityProgress, **changes: object) -> SensitivityResult:
        """The same study with a few changes of the request."""
        request = replace(self.request, **changes)  # type: ignore[arg-type]
        return study_sensitivity(request, out=out, hardware=HARDWARE, progress=progress)

    def curve(self, other: Curve) -> Curve:
        """Its run of the same recipe and seed as another study's."""
        return next(each for each in self.result.curves if (each.recipe, each.seed) == (other.recipe, other.seed))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, few_runs: str) -> Made:
    out, notes = tmp_path_factory.mktemp("study"), Notes()
    (out / "plan.toml").write_text(few_runs + COMBINATION)
    request = StudyRequest(seeds=2, plan=out / "plan.toml", fast=True)
    result = study_sensitivity(request, out=out, hardware=HARDWARE, progress=notes)
    return Made(request, out, result, notes)


def test_every_run_is_made_once_and_reported(made: Made) -> None:
    notes, result = made.notes, made.result
    ((runs, done, seconds),) = notes.plans
    assert (runs, done, seconds > 0) == (5, 0, True)
    assert notes.ended == [
        *("few, default, seed 0", "few, initialization: He, seed 0", "few, combination: He, small steps, seed 0"),
        *("few, default, seed 1", "few, initialization: He, seed 1"),
    ]
    assert (result.planned_runs, result.made_runs) == (5, 5)
    file = made.out / "sensitivity.json"
    assert read_document(file, SensitivityResult, what="a study", make="make it") == result
    assert {name for name, _ in notes.steps} == set(notes.ended)


def test_runs_of_other_threads_are_other_ones(made: Made) -> None:
    plans = {
        threads: plan_study(
            replace(made.request, execution=Execution(threads=threads)), out=made.out, hardware=HARDWARE
        )
        for threads in (None, 1, 2)
    }
    assert {folder.name for folder in plans[None].folders.values()} == {path.name for path in made.out.glob("runs/*")}
    assert len({folder for plan in plans.values() for folder in plan.folders.values()}) == 3 * 5


def test_a_dry_run_counts_the_rows_that_runs_leave_and_knows_which_are_there(made: Made, tmp_path: Path) -> None:
    rows = 0
    for run, folder in plan_study(made.request, out=made.out, hardware=HARDWARE).folders.items():
        counts = count_study_passes(run.spec, data_of(run.spec.recipe, None, run.spec.fast))
        assert counts.rows == read_rows(folder / "rows.parquet").num_rows
        rows += counts.rows
    new = dry_run_sensitivity(made.request, out=tmp_path / "none", hardware=HARDWARE)
    assert (new.jobs, new.done, new.size_bytes) == (5, 0, estimate_size(rows))
    assert not (tmp_path / "none").exists()
    more = dry_run_sensitivity(replace(made.request, seeds=3), out=made.out, hardware=HARDWARE)
    assert (more.jobs, more.done, more.passes > 0) == (7, 5, True)
    short = replace(made.request, seeds=3, budget=Budget(6, "passes"))
    few = dry_run_sensitivity(short, out=made.out, hardware=HARDWARE)
    assert (few.jobs, few.done) == (6, 5)
    assert few.notes == ("the budget is not enough for 1 run more",)


def test_a_report_is_made_anew_from_the_documents_of_runs_alone(made: Made, tmp_path: Path) -> None:
    for file in (*made.out.glob("runs/*/run.json"), made.out / "sensitivity.json"):
        target = tmp_path / file.relative_to(made.out)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    again = report_sensitivity(load_studies(made.request.plan), out=tmp_path, seeds=2, command="a command")
    provenance = replace(made.result.provenance, command="a command", versions=again.provenance.versions)
    assert again == replace(made.result, provenance=provenance)
    assert (tmp_path / "sensitivity.png").read_bytes() == (made.out / "sensitivity.png").read_bytes()
    shutil.rmtree(tmp_path / "runs" / sorted(path.name for path in tmp_path.glob("runs/*seed1*"))[0])
    assert report_sensitivity(load_studies(made.request.plan), out=tmp_path, seeds=2, command="a").made_runs == 4
    first = sorted(tmp_path.glob("runs/*"))[0]
    shutil.copytree(first, tmp_path / "runs" / "zz")
    with pytest.raises(DataError, match=f"expected one run of .*, seed 0, got {first.name} and zz"):
        report_sensitivity(load_studies(made.request.plan), out=tmp_path, seeds=2, command="a")


def test_the_document_has_the_fields_that_readers_rely_on(made: Made) -> None:
    document = json.loads((made.out / "sensitivity.json").read_text())
    assert document["schema"] == 2
    assert {"provenance", "factors", "curves", "closest_to_paper"} <= set(document)
    (factor,) = document["factors"]
    assert {"name", "dataset", "levels", "effect", "effect_low", "effect_high", "p_corrected"} <= set(factor)
    assert 0 <= factor["share_of_variance"] <= 1
    assert [level["value"] for level in factor["levels"]] == ["Glorot", "He"]
    for level in factor["levels"]:
        assert level["seeds"] == 2
        assert level["low"] <= level["negative_accuracy"] + 0.02
    assert [point["epoch"] for point in document["curves"][0]["points"]] == [0.25, 0.5, 1.0]


def test_every_accuracy_can_be_counted_again_from_rows(made: Made) -> None:
    folders = sorted((made.out / "runs").iterdir())
    assert len(folders) == 5
    for folder in folders:
        run = read_run(folder, StudyRun)
        assert run is not None
        columns = columns_by_pass(read_rows(folder / "rows.parquet"))
        assert run.train == accuracy_of(columns["train", "clean"])
        assert run.negative_train == accuracy_of(columns["train", "negative"])
        assert run.test == accuracy_of(columns["test", "clean"])
        assert {file.name for file in folder.iterdir()} == {"run.json", "rows.parquet"}


def test_the_path_to_the_negative_ends_where_negatives_are(made: Made) -> None:
    networks = {(network.recipe, network.seed): network for network in made.result.probing}
    assert set(networks) == {("default", 0), ("default", 1), ("combination: He, small steps", 0)}
    for network in networks.values():
        assert network.path[0].accuracy == network.flips[0].accuracy
        assert network.path[-1].accuracy == network.flips[-1].accuracy
        assert [point.strength for point in network.path] == [round(0.1 * step, 1) for step in range(11)]
        probes = network.linear_probe
        for rate in (probes.features, probes.untrained_features, probes.pixels):
            assert rate.accuracy > 0.5  # the labels of negatives can be predicted from any of the features
        counts, shares = network.destinations.counts, network.destinations.shares
        assert counts is not None
        n = sum(map(sum, counts))
        assert [sum(column) / n for column in zip(*counts, strict=True)] == pytest.approx(shares)


def test_a_second_call_makes_nothing_and_gives_the_same(made: Made) -> None:
    notes = Notes()
    again = made.again(made.out, notes)
    assert notes.ended == []
    assert notes.plans == [(5, 5, 0)]
    assert [each.runs for each in again.made_by] == [5]
    assert again == made.result


def finished_runs(out: Path) -> list[StudyRun]:
    return [run for folder in (out / "runs").iterdir() if (run := read_run(folder, StudyRun)) is not None]


def workers_of(parent: int) -> list[Path]:
    """The folders in /proc of the started processes of `parent` that are at work."""
    workers = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, its_parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(its_parent) == parent and state != "Z" and b"spawn_main" in (folder / "cmdline").read_bytes():
                workers.append(folder)
    return workers


def is_at_work(folder: Path) -> bool:
    with suppress(OSError):
        return (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not show its processes in /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_processes_of_a_study_make_the_same_runs_and_end_with_it(
    end: signal.Signals, made: Made, tmp_path: Path
) -> None:
    words = ["reproduce", "sensitivity", "--plan", str(made.request.plan), "--seeds", "99", "--fast"]
    words += ["--executor", "processes", "--workers", "2"]
    command = [sys.executable, "-c", "from negatoscope.cli.main import main; main()", *words, "--out", str(tmp_path)]
    in_background = ["sh", "-c", 'trap "" INT; exec nohup "$0" "$@"', *command, "--precision", "float32"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(in_background, text=True, **pipes) as study:  # type: ignore[call-overload]
        assert study.stderr is not None
        if end == signal.SIGTERM:
            assert any("seed 0: test" in line for line in study.stderr)  # a run has ended: both are at work
        while study.poll() is None and not (any(tmp_path.glob("runs/*/*")) and len(workers_of(study.pid)) == 2):
            time.sleep(0.1)  # until a run has begun, and both workers
        workers = workers_of(study.pid)
        if end == signal.SIGTERM:
            os.killpg(study.pid, end)  # as schedulers do, which ask every process of a job
        else:
            study.kill()
        error = study.stderr.read()
    assert len(workers) == 2
    while any(map(is_at_work, workers)):
        time.sleep(0.1)
    runs, known = finished_runs(tmp_path), {(run.recipe.name, run.seed): run for run in finished_runs(made.out)}
    for run in runs:  # another number of threads adds in another order
        if (same := known.get((run.recipe.name, run.seed))) is not None:
            assert run.test.accuracy == pytest.approx(same.test.accuracy, abs=0.05)
    if end == signal.SIGKILL:
        assert study.returncode == -end
        assert not (tmp_path / "sensitivity.json").exists()
    else:  # it writes what has been made, and says how to resume
        assert study.returncode == 128 + end
        assert "resumes" in error
        result = read_document(tmp_path / "sensitivity.json", SensitivityResult, what="a study", make="make it")
        assert result.made_runs == len(runs) > 0
        assert (tmp_path / "sensitivity.md").exists() == bool(result.studies)


def test_a_run_that_is_stopped_and_resumed_gives_the_same_numbers(made: Made, tmp_path: Path) -> None:
    class Impatient(Notes):
        def moved(self, name: str, moment: TrainingProgress | str) -> None:
            if moment == "train, clean":
                raise KeyboardInterrupt

    chosen = {"factors": ("initialization",), "budget": Budget(1, "passes")}
    with pytest.raises(KeyboardInterrupt):
        made.again(tmp_path, Impatient(), **chosen)
    notes = Notes()
    (curve,) = made.again(tmp_path, notes, **chosen).curves
    assert notes.steps[0] == ("few, default, seed 0", "train, clean")  # it had been trained
    assert curve == made.curve(curve)


def test_a_budget_that_is_spent_starts_nothing(made: Made, tmp_path: Path) -> None:
    notes = Notes()
    result = made.again(tmp_path, notes, budget=Budget(0.5, "passes"))
    assert (notes.ended, result.studies) == ([], ())
    assert not (tmp_path / "sensitivity.md").exists()


def test_the_page_states_what_the_numbers_show(made: Made) -> None:
    page = sensitivity_page(made.result)
    assert page == (made.out / "sensitivity.md").read_text()
    assert "## MNIST sample, plain training around accurate, 15 epochs" in page
    assert "- **MNIST sample, plain training around accurate, 15 epochs.** With the default recipe, accuracy on" in page
    assert "Linear probe" in page
    assert "| Negatives of, classified as (%) |" in page
    assert ", smoke run" in page
    (factor,) = made.result.factors
    for level in factor.levels:
        assert f"{100 * level.negative_accuracy:.1f}" in page
    assert (made.out / "sensitivity.png").read_bytes()[:4] == b"\x89PNG"


def test_the_figure_names_every_value_and_the_chance(made: Made) -> None:
    figure = draw_sensitivity(made.result)
    left, right = figure.axes
    words = {text.get_text() for text in left.texts}
    assert {"initialization", "Glorot  →", "He", "default", "chance"} <= words
    assert left.get_title(loc="left") == "MNIST sample, plain training around accurate, 15 epochs, smoke run"
    assert right.get_title(loc="left") == "5 runs not trained on negatives"
    (runs,) = right.collections
    heights = sorted(100 * curve.negative_accuracy for curve in made.result.curves)
    assert sorted(float(point[1]) for point in runs.get_offsets()) == pytest.approx(heights)


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is downloaded fails at once, as where there is no network."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("negatoscope.data.locator.RETRIES", 0)


def without_data_of(plan: str) -> str:
    return re.sub(r'"folder:.*"', '"mnist"', plan)


@pytest.mark.usefixtures("without_network")
def test_what_cannot_be_run_is_named_and_the_others_are_run(made: Made, tmp_path: Path, few_runs: str) -> None:
    wild = few_runs.replace('network = { initialization = "he" }', 'optimizer = "sgd", learning_rate = 1e30')
    without_data = without_data_of(few_runs).replace('"few"', '"all"')
    (tmp_path / "plan.toml").write_text(wild + without_data)
    chosen = {"plan": tmp_path / "plan.toml", "seeds": 1, "factors": ("initialization",)}
    for ended in (["few, default, seed 0"], []):
        notes = Notes()
        result = made.again(tmp_path / "out", notes, **chosen)
        assert notes.ended == ended
        assert [each.study for each in result.not_run] == ["all"]
        assert [study.name for study in result.studies] == ["few"]
        (failed,) = result.failed
        assert failed.recipe == "initialization: He"
        assert "diverged" in failed.reason
    page = (tmp_path / "out" / "sensitivity.md").read_text()
    assert "**Not trained: few, initialization: He, seed 0" in page
    assert "**all was not run" in page


@pytest.mark.usefixtures("without_network")
def test_no_data_at_all_is_one_sentence(made: Made, tmp_path: Path, few_runs: str) -> None:
    (tmp_path / "plan.toml").write_text(without_data_of(few_runs))
    with pytest.raises(DataNotFoundError, match="found none"):
        made.again(tmp_path / "out", Notes(), plan=tmp_path / "plan.toml")


@pytest.mark.parametrize("name", ["run.json", "failed.json"])
def test_a_damaged_run_is_named(name: str, made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.out, tmp_path / "out")
    file = sorted((tmp_path / "out").glob("runs/*/run.json"))[0]
    file.unlink()
    (file.parent / name).write_text("{}")
    with pytest.raises(DataError, match="delete its folder"):
        made.again(tmp_path / "out", Notes())


def test_a_report_has_the_runs_of_all_seeds_and_is_not_made_without_any(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.out, tmp_path, dirs_exist_ok=True)
    again = report_sensitivity(load_studies(made.request.plan), out=tmp_path, seeds=1, command="a")
    assert (again.planned_runs, again.made_runs) == (5, 5)
    before = (tmp_path / "sensitivity.json").read_bytes()
    with pytest.raises(DataNotFoundError, match=r"^expected finished runs of mnist_plain, .* found none; give their"):
        report_sensitivity(load_studies(), out=tmp_path, seeds=3, command="a")
    assert (tmp_path / "sensitivity.json").read_bytes() == before


def test_a_study_in_processes_says_how_many_runs_were_made_at_once(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.out, tmp_path, dirs_exist_ok=True)
    notes, execution = Notes(), Execution("processes", workers=4)
    result = made.again(tmp_path, notes, seeds=1, execution=execution, budget=Budget(0.5, "passes"))
    assert (notes.ended, result.jobs) == ([], 3)


def test_a_page_without_runs_says_only_when_it_was_put_together(made: Made) -> None:
    provenance = made.result.provenance
    assert foot((), provenance) == f"Put together on {provenance.created}."
