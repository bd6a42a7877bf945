"""The search for the paper's pair: what it draws, how it resumes, and what it concludes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from negatoscope.documents import read_document
from negatoscope.errors import InputError, OutputError
from negatoscope.executors import Execution
from negatoscope.files import locked
from negatoscope.hardware import pick_hardware
from negatoscope.reports.dry_run import DryRun
from negatoscope.reproduce.runs import run_folder
from negatoscope.studies.jobs import data_of
from negatoscope.studies.match import (
    MatchRequest,
    kept_candidates,
    read_match,
    report_match,
    reproduce_match,
    write_match,
)
from negatoscope.studies.match_dry_run import dry_run_match, mean_epochs
from negatoscope.studies.match_result import OPENED, Match, MatchCandidate
from negatoscope.studies.match_trials import SEED, distance, draw_recipe
from negatoscope.studies.sensitivity_run import StudyRunSpec
from negatoscope.training.recipe import Recipe, named_recipe

FLOAT32 = pick_hardware("cpu", "float32")


def test_the_printed_pair_is_at_distance_zero_and_units_are_those_of_the_docs() -> None:
    assert distance("mnist", 0.992, 0.0668) == 0.0
    assert distance("mnist", 0.992 - 0.0015, 0.0668) == pytest.approx(1.0)
    assert distance("gtsrb", 0.9563, 0.0439 + 0.04) == pytest.approx(2.0)


def test_every_recipe_that_is_drawn_is_possible_and_keeps_what_the_paper_states() -> None:
    base, study = named_recipe("sgd", "mnist"), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [draw_recipe(study.ask(), base, most_epochs=100) for _ in range(200)]
    assert {recipe.schedule for recipe in drawn} == {"constant"}
    assert {recipe.shift for recipe in drawn} == {0}
    assert {recipe.optimizer for recipe in drawn} == {"sgd", "adam", "adadelta"}
    assert {recipe.network.conv_activation for recipe in drawn} == {"relu", "tanh", "linear"}
    assert all(3 <= recipe.epochs <= 100 for recipe in drawn)
    assert len({recipe.digest for recipe in drawn}) == len(drawn)


def test_a_recipe_that_is_not_drawn_yet_counts_as_many_epochs_as_one_has_in_the_mean() -> None:
    base, study = named_recipe("sgd", "mnist"), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [draw_recipe(study.ask(), base, most_epochs=40).epochs for _ in range(2000)]
    assert mean_epochs(40) == pytest.approx(np.mean(drawn), abs=1)


@pytest.fixture
def request_on_digits(few_digits: str) -> MatchRequest:
    base = Recipe("base", data=few_digits, schedule="constant", validation_size=40)
    return MatchRequest("mnist", trials=OPENED, most_epochs=4, base=base)


def test_a_search_that_was_stopped_resumes_and_concludes(request_on_digits: MatchRequest, tmp_path: Path) -> None:
    seen: list[str] = []

    def stop(line: str) -> None:
        seen.append(line)
        if line.startswith("trial 2: nearest"):
            raise KeyboardInterrupt

    published = read_match(Path(__file__).parents[2] / "results" / "match")
    gtsrb = tuple(each for each in published.searches if each.dataset == "gtsrb")
    write_match(replace(published, searches=gtsrb), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        reproduce_match(request_on_digits, out=tmp_path, hardware=FLOAT32, progress=stop)
    (tmp_path / ".match.md.4194305.tmp").touch()  # as a process that is killed leaves it
    result = reproduce_match(request_on_digits, out=tmp_path, hardware=FLOAT32, progress=seen.append)
    earlier, search = result.searches
    assert (earlier,) == gtsrb, "also what made it is kept"
    assert search.provenance == result.provenance
    assert sum("nearest after" in line for line in seen) == search.trials == OPENED
    drawn = {replace(candidate.recipe, epochs=1).digest for candidate in search.candidates}
    assert len(drawn) == OPENED, "none is drawn again"
    assert [candidate.distance for candidate in search.candidates] == sorted(c.distance for c in search.candidates)
    fresh = [opened for opened in search.opened if opened.seed < OPENED]
    assert {opened.trial for opened in fresh} == {search.candidates[0].trial}
    assert search.nearest.test_accuracy == pytest.approx(sum(opened.test.accuracy for opened in fresh) / OPENED)
    assert search.found is False
    assert set(search.importance) >= {"optimizer", "step", "epochs", "conv_activation"}
    assert read_document(tmp_path / "match.json", Match, what="searches", make="search") == result
    assert not list((tmp_path / "state").iterdir())
    assert not list(tmp_path.rglob("*.tmp"))
    assert "**Not found**, of 5 recipes" in (tmp_path / "match.md").read_text()
    assert (tmp_path / "match.png").is_file()


def test_a_dry_run_knows_what_earlier_calls_have_done_and_writes_nothing(
    request_on_digits: MatchRequest, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def dry_run() -> DryRun:
        before = {file: file.stat().st_mtime_ns for file in out.rglob("*")}
        estimate = dry_run_match(request_on_digits, out=out, hardware=FLOAT32)
        assert {file: file.stat().st_mtime_ns for file in out.rglob("*")} == before
        return estimate

    def run_until(beginning: str) -> None:
        def stop(line: str) -> None:
            if line.startswith(beginning):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            reproduce_match(request_on_digits, out=out, hardware=FLOAT32, progress=stop)

    # Of 240 digits 200 are trained on; 3 epochs, followed at the end of each; runs of the nearest at 3 moments more.
    trial, run = 3 * 200 + 3 * (40 + 200), 3 * 200 + 6 * (40 + 200) + 2 * 200 + 60
    first = dry_run()
    assert not out.exists()
    assert (first.jobs, first.done, first.passes) == (15, 0, 5 * trial + 10 * run)
    assert first.images == 15 * 240 + 10 * 60
    assert first.notes[0] == "a recipe that is not drawn yet counts 3 epochs, the mean"
    run_until("trial 2: nearest")
    half = dry_run()
    assert (half.jobs, half.done, half.passes) == (15, 3, 2 * trial + 10 * run)
    run_until("mnist, trial")
    late = dry_run()
    assert (late.jobs, late.done, late.notes) == (15, 6, ())
    assert late.seconds is not None
    assert late.seconds > 0
    reproduce_match(request_on_digits, out=out, hardware=FLOAT32)
    end = dry_run()
    assert (end.jobs, end.done, end.passes, end.seconds, end.basis) == (15, 15, 0, 0, "")


def test_trials_in_two_processes_are_drawn_together_and_are_the_same_whenever_they_end(
    request_on_digits: MatchRequest, tmp_path: Path
) -> None:
    request = replace(request_on_digits, execution=Execution("processes", workers=2))

    def stop(line: str) -> None:
        if line.startswith("mnist, trial"):  # all are drawn
            raise KeyboardInterrupt

    def candidates(name: str) -> list[MatchCandidate]:
        with pytest.raises(KeyboardInterrupt):
            reproduce_match(request, out=tmp_path / name, hardware=FLOAT32, progress=stop)
        return kept_candidates(request, out=tmp_path / name, hardware=FLOAT32)

    one, two = candidates("one"), candidates("two")
    assert one == two
    assert len(one) == OPENED
    assert request.base
    spec, data = StudyRunSpec("mnist", 0.0, SEED, one[0].recipe), data_of(request.base, None, fast=False)
    assert run_folder(spec, data, hardware=FLOAT32, out=tmp_path / "one", threads=1).is_dir()


def test_a_search_goes_on_with_the_threads_that_it_was_begun_with(
    request_on_digits: MatchRequest, tmp_path: Path
) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    def search(out: str, **how: int) -> None:
        request = replace(request_on_digits, execution=Execution(**how))  # type: ignore[arg-type]
        reproduce_match(request, out=tmp_path / out, hardware=FLOAT32, progress=stop)

    for out, begun in (("one", {"threads": 1}), ("any", {})):
        with pytest.raises(KeyboardInterrupt):
            search(out, **begun)
        with pytest.raises(KeyboardInterrupt):
            search(out, **begun)
    was = f"as when the search in {tmp_path}/{{}}/mnist.journal was begun, got --threads"
    with pytest.raises(OutputError, match=f"^expected --threads 1 {was.format('one')} 2; give the same, or another"):
        search("one", threads=2)
    with pytest.raises(OutputError, match=f"^expected no --threads {was.format('any')} 1; give the same, or another"):
        search("any", threads=1)
    with pytest.raises(OutputError, match=f"^expected --threads 1 {was.format('one')} 2; give the same, or another"):
        dry_run_match(
            replace(request_on_digits, execution=Execution(threads=2)), out=tmp_path / "one", hardware=FLOAT32
        )


def test_a_search_of_an_earlier_version_goes_on(request_on_digits: MatchRequest, tmp_path: Path) -> None:
    """It did not write down its threads."""
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "mnist.journal"))
    study = optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="mnist")
    assert request_on_digits.base
    draw_recipe(study.ask(), request_on_digits.base, most_epochs=4)
    seen = list[str]()

    def stop(line: str) -> None:
        seen.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce_match(
            replace(request_on_digits, execution=Execution(threads=2)), out=tmp_path, hardware=FLOAT32, progress=stop
        )
    assert seen[0].startswith("trial 1: ")


def test_what_cannot_be_searched_is_one_sentence(few_digits: str) -> None:
    with pytest.raises(InputError, match="expected --dataset of the paper, mnist or gtsrb, got 'cifar'"):
        MatchRequest("cifar")
    with pytest.raises(InputError, match="expected --trials of at least 5, got 2"):
        MatchRequest("mnist", trials=2)


def test_a_report_is_not_written_while_a_search_writes(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(OutputError, match="but another run writes to it"):
        report_match(tmp_path)
