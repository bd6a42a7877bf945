"""Small real studies on the sample of MNIST: what is written and resumed, and that every number comes from rows."""

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from negatoscope.errors import DataError, DataNotFoundError, InputError
from negatoscope.hardware import pick_hardware
from negatoscope.reproduce.measure import accuracy_of, columns_by_pass
from negatoscope.reproduce.runs import read_run
from negatoscope.rows import read_rows
from negatoscope.studies.design import load_studies
from negatoscope.studies.sensitivity import Budget, StudyRequest, plan_runs, study_sensitivity, within
from negatoscope.studies.sensitivity_figure import draw_sensitivity
from negatoscope.studies.sensitivity_page import sensitivity_page
from negatoscope.studies.study_run import StudyRun

pytest.importorskip("mlxtend")

HARDWARE = pick_hardware("cpu", "float32")
ALSO = """
[[study.also]]
value = "He, small steps"
seeds = 1
changes = { learning_rate = 0.0005, network = { initialization = "he" } }
"""


class Notes:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.plans: list[tuple[int, int, float, list[Any]]] = []
        self.moments: list[tuple[str, Any]] = []
        self.ended: list[str] = []

    def planned(self, runs: int, done: int, seconds: float, not_run: Any) -> None:
        self.plans.append((runs, done, seconds, list(not_run)))

    def moved(self, name: str, moment: Any) -> None:
        self.moments.append((name, moment))

    def finished(self, name: str, document: Any, seconds: float) -> None:
        self.ended.append(name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, few_runs: str) -> tuple[StudyRequest, Path, dict[str, Any], Notes]:
    out, notes = tmp_path_factory.mktemp("study"), Notes()
    (out / "plan.toml").write_text(few_runs + ALSO)
    request = StudyRequest(seeds=2, plan=out / "plan.toml", fast=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEGATOSCOPE_CACHE_DIR", str(out / "cache"))
        result = study_sensitivity(request, out=out, hardware=HARDWARE, watcher=notes)
    return request, out, result, notes


Made = tuple[StudyRequest, Path, dict[str, Any], Notes]


def test_every_run_is_made_once_and_told(made: Made) -> None:
    _, out, result, notes = made
    assert notes.plans[0][:2] == (5, 0)
    assert notes.plans[0][2] > 0
    assert notes.ended == [
        *("few, default, seed 0", "few, initialization: He, seed 0", "few, also: He, small steps, seed 0"),
        *("few, default, seed 1", "few, initialization: He, seed 1"),
    ]
    assert result["provenance"]["runs"] == {"planned": 5, "made": 5}
    assert json.loads((out / "sensitivity.json").read_text()) == result
    assert {name for name, _ in notes.moments} == set(notes.ended)


def test_the_document_has_the_fields_that_readers_rely_on(made: Made) -> None:
    *_, result, _ = made
    assert result["schema"] == 1
    assert {"provenance", "factors", "curves", "closest_to_paper"} <= set(result)
    (factor,) = result["factors"]
    assert {"name", "dataset", "levels", "effect", "effect_low", "effect_high", "p_corrected"} <= set(factor)
    assert 0 <= factor["share_of_variance"] <= 1
    assert [level["value"] for level in factor["levels"]] == ["Glorot", "He"]
    for level in factor["levels"]:
        assert level["seeds"] == 2
        assert level["low"] <= level["negative_accuracy"] + 0.02
    assert [point["epoch"] for point in result["curves"][0]["points"]] == [0.25, 0.5, 1.0]


def test_every_accuracy_can_be_counted_again_from_rows(made: Made) -> None:
    _, out, *_ = made
    folders = sorted((out / "runs").iterdir())
    assert len(folders) == 5
    for folder in folders:
        run = read_run(folder, StudyRun)
        assert run is not None
        columns = columns_by_pass(read_rows(folder / "rows.parquet"))
        assert run.train == accuracy_of(columns["train", "clean"])
        assert run.negative_train == accuracy_of(columns["train", "negative"])
        assert run.test == accuracy_of(columns["test", "clean"])
        assert not (folder / "training.safetensors").exists()


def test_what_networks_do_with_negatives_ends_where_their_negatives_are(made: Made) -> None:
    *_, result, _ = made
    looks = {(look["recipe"], look["seed"]): look for look in result["looking"]}
    assert set(looks) == {("default", 0), ("default", 1), ("also: He, small steps", 0)}
    for look in looks.values():
        assert look["path"][0]["accuracy"] == look["flips"][0]["accuracy"]
        assert look["path"][-1]["accuracy"] == look["flips"][-1]["accuracy"]
        assert [point["share"] for point in look["path"]] == [round(0.1 * step, 1) for step in range(11)]
        for name in ("features", "untrained_features", "pixels"):
            assert (
                look["linear_probe"][name]["accuracy"] > 0.5
            )  # a linear reader of negatives, whatever it reads them from
        counts, shares = look["destinations"]["counts"], look["destinations"]["shares"]
        n = sum(map(sum, counts))
        assert [sum(column) / n for column in zip(*counts, strict=True)] == pytest.approx(shares)


def test_a_second_run_makes_nothing_and_says_the_same(made: Made) -> None:
    request, out, result, _ = made
    notes = Notes()
    again = study_sensitivity(request, out=out, hardware=HARDWARE, watcher=notes)
    assert notes.ended == []
    assert notes.plans == [(5, 5, 0, [])]
    assert [each["runs"] for each in result["provenance"]["made_by"]] == [5]
    assert again == result


def test_runs_side_by_side_are_the_same_runs(made: Made, tmp_path: Path) -> None:
    request, _, result, _ = made
    notes = Notes()
    chosen = replace(request, factors=("initialization",), seeds=1, jobs=2)
    again = study_sensitivity(chosen, out=tmp_path, hardware=HARDWARE, watcher=notes)
    assert sorted(notes.ended) == ["few, default, seed 0", "few, initialization: He, seed 0"]
    known = {(curve["recipe"], curve["seed"]): curve for curve in result["curves"]}
    for curve in again["curves"]:  # another number of threads adds in another order
        other = known[curve["recipe"], curve["seed"]]
        assert curve["test_accuracy"] == pytest.approx(other["test_accuracy"], abs=0.05)


def workers_of(parent: int) -> list[Path]:
    """The folders in /proc of the started processes of `parent` that are at work."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, its_parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(its_parent) == parent and state != "Z" and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(folder)
    return found


def is_at_work(folder: Path) -> bool:
    with suppress(OSError):
        return (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not show its processes in /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_processes_of_a_study_that_is_ended_end_with_it(end: signal.Signals, made: Made, tmp_path: Path) -> None:
    request, *_ = made
    words = ["reproduce", "sensitivity", "--plan", str(request.plan), "--seeds", "9", "--fast", "--jobs", "2"]
    command = [sys.executable, "-c", "from negatoscope.cli.main import run; run()", *words, "--out", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as study:
        assert study.stderr is not None
        assert any("seed 0: test" in line for line in study.stderr)  # a run has ended: both processes are at work
        workers = workers_of(study.pid)
        study.send_signal(end)
        told = study.stderr.read()
    assert len(workers) == 2
    ends = time.monotonic() + 30
    while any(map(is_at_work, workers)) and time.monotonic() < ends:
        time.sleep(0.1)
    assert not any(map(is_at_work, workers))
    asked = end == signal.SIGTERM  # then it writes what has been made, and says how to resume
    assert (study.returncode, "resumes" in told, (tmp_path / "sensitivity.json").exists()) == (
        128 + end if asked else -end,
        asked,
        asked,
    )


def test_runs_that_are_made_again_or_stopped_give_the_same_numbers(made: Made, tmp_path: Path) -> None:
    request, _, result, _ = made

    class Impatient(Notes):
        def moved(self, name: str, moment: Any) -> None:
            if moment == "train, clean":
                raise KeyboardInterrupt

    chosen = replace(request, factors=("initialization",), seeds=1)
    with pytest.raises(KeyboardInterrupt):
        study_sensitivity(chosen, out=tmp_path, hardware=HARDWARE, watcher=Impatient())
    notes = Notes()
    again = study_sensitivity(chosen, out=tmp_path, hardware=HARDWARE, watcher=notes)
    assert next(moment for name, moment in notes.moments if name == "few, default, seed 0") == "train, clean"
    known = {(curve["recipe"], curve["seed"]): curve for curve in result["curves"]}
    assert [known[curve["recipe"], curve["seed"]] for curve in again["curves"]] == again["curves"]
    assert len(again["curves"]) == 2


@pytest.mark.parametrize(
    ("budget", "kept"),
    [
        (None, 5),
        (Budget(3, "passes"), 3),
        (Budget(3.5, "passes"), 3),
        (Budget(2, "minutes"), 2),
        (Budget(9, "minutes"), 5),
    ],
)
def test_a_budget_bounds_what_is_started(budget: Budget | None, kept: int, made: Made) -> None:
    request, *_ = made
    runs = plan_runs(load_studies(request.plan), seeds=2, fast=True)
    assert within(budget, runs, dict.fromkeys(runs, 60.0)) == runs[:kept]


def test_passes_count_what_was_made_before_and_minutes_do_not(made: Made) -> None:
    request, *_ = made
    runs = plan_runs(load_studies(request.plan), seeds=2, fast=True)
    left = dict.fromkeys(runs[2:], 60.0)
    assert within(Budget(3, "passes"), runs, left) == runs[2:3]
    assert within(Budget(2, "minutes"), runs, left) == runs[2:4]


def test_a_budget_that_is_spent_starts_nothing(made: Made, tmp_path: Path) -> None:
    request, *_ = made
    notes, chosen = Notes(), replace(request, budget=Budget(0.5, "passes"))
    result = study_sensitivity(chosen, out=tmp_path, hardware=HARDWARE, watcher=notes)
    assert (notes.ended, result["studies"]) == ([], [])
    assert not (tmp_path / "sensitivity.md").exists()


def test_the_page_says_what_the_numbers_say(made: Made) -> None:
    _, out, result, _ = made
    page = sensitivity_page(result)
    assert page == (out / "sensitivity.md").read_text()
    assert "## MNIST sample, plain training" in page
    assert "- **MNIST sample, plain training.** The default recipe reads " in page
    assert "Linear read-out" in page
    assert "| Negatives of, read as (%) |" in page
    assert ", smoke run" in page
    (factor,) = result["factors"]
    for level in factor["levels"]:
        assert f"{100 * level['negative_accuracy']:.1f}" in page
    assert (out / "sensitivity.png").read_bytes()[:4] == b"\x89PNG"


def test_the_figure_names_every_value_and_the_chance(made: Made) -> None:
    *_, result, _ = made
    figure = draw_sensitivity(result)
    left, right = figure.axes
    words = {text.get_text() for text in left.texts}
    assert {"initialization", "Glorot  →", "He", "default", "chance"} <= words
    assert left.get_title(loc="left") == "MNIST sample, plain training, smoke run"
    assert right.get_title(loc="left") == "5 runs that saw no negatives"
    (runs,) = right.collections
    heights = sorted(100 * curve["negative_accuracy"] for curve in result["curves"])
    assert sorted(float(point[1]) for point in runs.get_offsets()) == pytest.approx(heights)


def test_a_study_without_data_is_named_and_the_others_are_run(made: Made, tmp_path: Path, few_runs: str) -> None:
    request, *_ = made
    (tmp_path / "plan.toml").write_text(few_runs + few_runs.replace('"few"', '"all"').replace("mnist_sample", "mnist"))
    notes, chosen = Notes(), replace(request, plan=tmp_path / "plan.toml", seeds=1, factors=("initialization",))
    result = study_sensitivity(chosen, out=tmp_path / "out", hardware=HARDWARE, watcher=notes)
    assert [each["study"] for each in result["not_run"]] == ["all"]
    assert [study["name"] for study in result["studies"]] == ["few"]
    assert "**all was not run" in (tmp_path / "out" / "sensitivity.md").read_text()


def test_a_run_that_diverges_is_told_and_the_others_are_made(made: Made, tmp_path: Path, few_runs: str) -> None:
    request, *_ = made
    wild = few_runs.replace('network = { initialization = "he" } }]', 'optimizer = "sgd", learning_rate = 1e30 }]')
    (tmp_path / "plan.toml").write_text(wild)
    chosen = replace(request, plan=tmp_path / "plan.toml", seeds=1, factors=("initialization",))
    for again in (False, True):
        notes = Notes()
        result = study_sensitivity(chosen, out=tmp_path / "out", hardware=HARDWARE, watcher=notes)
        assert notes.ended == ([] if again else ["few, default, seed 0"])
        (failed,) = result["failed"]
        assert failed["recipe"] == "initialization: He"
        assert "diverged" in failed["reason"]
    assert "**Not trained: few, initialization: He, seed 0" in (tmp_path / "out" / "sensitivity.md").read_text()


def test_no_data_at_all_is_one_sentence(made: Made, tmp_path: Path, few_runs: str) -> None:
    request, *_ = made
    (tmp_path / "plan.toml").write_text(few_runs.replace("mnist_sample", "mnist"))
    with pytest.raises(DataNotFoundError, match="found none"):
        study_sensitivity(
            replace(request, plan=tmp_path / "plan.toml"), out=tmp_path / "out", hardware=HARDWARE, watcher=Notes()
        )


def test_a_damaged_run_is_named(made: Made, tmp_path: Path) -> None:
    request, out, *_ = made
    shutil.copytree(out, tmp_path / "out")
    damaged = sorted((tmp_path / "out").glob("runs/*/run.json"))[0]
    damaged.write_text("{}")
    with pytest.raises(DataError, match="delete its folder"):
        study_sensitivity(request, out=tmp_path / "out", hardware=HARDWARE, watcher=Notes())


@pytest.mark.parametrize(("amount", "unit"), [(0, "passes"), (float("nan"), "minutes"), (1, "hours")])
def test_what_is_no_budget_is_refused(amount: float, unit: str) -> None:
    with pytest.raises(InputError, match="budget"):
        Budget(amount, unit)
