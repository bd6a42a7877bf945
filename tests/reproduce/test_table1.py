"""Small real runs on real digits: what is written, what is resumed, and that every number comes from rows."""

import csv
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from negatoscope.errors import DataError, DataNotFoundError, InputError, OutputError
from negatoscope.executors import Execution
from negatoscope.files import sha256_of
from negatoscope.hardware import pick_hardware
from negatoscope.models.checkpoint import load_network
from negatoscope.models.predict import predict
from negatoscope.reproduce.dry_run import dry_run_table1
from negatoscope.reproduce.estimate import Pace, count_passes
from negatoscope.reproduce.figure1 import reproduce_figure1
from negatoscope.reproduce.figure1_drawing import draw_figure1
from negatoscope.reproduce.runs import RunSpec, read_run
from negatoscope.reproduce.table1 import Table1Plan, Table1Request, plan_table1, reproduce_table1, table1_folders
from negatoscope.reproduce.table1_document import SummaryRow, Table1, read_table1
from negatoscope.reproduce.table1_report import report_table1
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.rows import hash_samples, read_rows
from negatoscope.training.recipe import Recipe

pytest.importorskip("mlxtend")

HARDWARE = pick_hardware("cpu", "float32")


class Notes:
    """Progress that is remembered."""

    def __init__(self) -> None:
        self.seconds: dict[Any, float] = {}
        self.moments: list[Any] = []
        self.ended: list[tuple[float, int]] = []
        self.plans: list[Table1Plan] = []

    def planned(self, plan: Table1Plan) -> None:
        self.plans.append(plan)

    def estimated(self, seconds: Any) -> None:
        self.seconds = dict(seconds)

    def moved(self, spec: RunSpec, progress: Any) -> None:
        self.moments.append(progress)

    def finished(self, spec: RunSpec, run: Table1Run, summary: Sequence[SummaryRow]) -> None:
        self.ended.append((spec.epsilon, len(summary)))


Made = tuple[Path, Table1, Notes]


@pytest.fixture(scope="module")
def smoke(few_digits: str) -> Table1Request:
    recipe = Recipe("small", validation_size=40, batch_size=32)
    return Table1Request(datasets=(few_digits,), epsilons=(0.0, 0.1), recipe=recipe, fast=True)


@pytest.fixture
def beside_the_digits(few_digits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Works in the folder that holds the folder of digits, since results hold its name and not its path."""
    monkeypatch.chdir(Path(few_digits.removeprefix("folder:")).parent)


@pytest.fixture(scope="module")
def made(smoke: Table1Request, tmp_path_factory: pytest.TempPathFactory) -> Made:
    out, notes = tmp_path_factory.mktemp("table1"), Notes()
    return out, reproduce_table1(smoke, out=out, hardware=HARDWARE, progress=notes), notes


def test_the_document_comes_back_as_it_was_written(made: Made) -> None:
    out, result, _ = made
    assert read_table1(out) == result
    assert json.loads((out / "table1.json").read_text())["schema"] == 2
    for run in result.runs:
        rates = (run.train, run.test, run.negative_train, *run.shown_attacks.accuracies.values())
        assert len(rates) == 5
        for rate in rates:
            assert rate.accuracy == rate.correct / rate.n
            assert rate.low <= rate.accuracy <= rate.high
    assert [row.epsilon for row in result.summary] == [0.0, 0.1]
    assert all(row.test.verdict == row.negative.verdict == "undecided" for row in result.summary)


def test_a_smoke_run_is_not_preceded_by_timing_that_takes_as_long(
    smoke: Table1Request, made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def timed(*_: object, **__: object) -> Pace:
        raise AssertionError("a smoke run was timed")

    assert set(made[2].seconds.values()) == {1.0}
    monkeypatch.setattr("negatoscope.reproduce.table1.measure_pace", timed)
    with pytest.raises(AssertionError, match="timed"):
        reproduce_table1(replace(smoke, fast=False), out=tmp_path, hardware=HARDWARE, progress=Notes())


def test_every_number_can_be_counted_again_from_the_rows(made: Made) -> None:
    out, result, _ = made
    for run in result.runs:
        classifier = f"paper_network(recipe={run.recipe.name!r}, epsilon={run.epsilon!r})"
        where = {"classifier": classifier, "split": "train", "transform": "negative"}
        rows = read_rows(out / "rows.parquet", where=where).to_pydict()
        correct = sum(a == b for a, b in zip(rows["label"], rows["prediction"], strict=True))
        assert (correct, len(rows["label"])) == (run.negative_train.correct, run.negative_train.n)
        assert run.confidence.negative_train == pytest.approx(np.mean(rows["confidence"]))
        shares = np.bincount(rows["prediction"], minlength=10) / len(rows["prediction"])
        assert run.destinations.shares == pytest.approx(shares.tolist())


def test_an_estimate_counts_as_many_rows_as_a_run_leaves(made: Made, smoke: Table1Request) -> None:
    plan = plan_table1(smoke)
    folders = table1_folders(plan, out=made[0], hardware=HARDWARE, threads=None)
    for spec, folder in folders.items():
        assert count_passes(spec, plan.data[spec.dataset]).rows == read_rows(folder / "rows.parquet").num_rows


def test_a_dry_run_knows_which_classifiers_are_there(made: Made, smoke: Table1Request, tmp_path: Path) -> None:
    there = dry_run_table1(smoke, out=made[0], hardware=HARDWARE)
    assert (there.jobs, there.done, there.passes, there.size_bytes) == (2, 2, 0, 0)
    more = dry_run_table1(replace(smoke, seeds=2), out=made[0], hardware=HARDWARE)
    assert (more.jobs, more.done) == (4, 2)
    new = dry_run_table1(smoke, out=tmp_path / "none", hardware=HARDWARE)
    assert (new.jobs, new.done, new.passes) == (2, 0, more.passes)
    weights = sum(file.stat().st_size for file in made[0].glob("runs/*/weights.safetensors"))
    assert new.size_bytes > 0.9 * weights
    assert not (tmp_path / "none").exists()


def test_the_saved_weights_give_the_same_predictions_again(made: Made, smoke: Table1Request) -> None:
    out, result, _ = made
    run = result.runs[0]
    (weights,) = [p for p in out.glob("runs/*/weights.safetensors") if sha256_of(p) == run.weights_sha256]
    network, facts = load_network(weights)
    (data,) = plan_table1(smoke).data.values()
    found = predict(network, np.asarray(data.test.images), data.test.labels, device=HARDWARE.device)
    assert int((found.predictions == data.test.labels).sum()) == run.test.correct
    assert facts["epsilon"] == 0.0


def test_the_plain_network_is_attacked_at_every_epsilon_of_the_paper(made: Made) -> None:
    plain, robust = made[1].runs
    assert [attacks.epsilon for attacks in plain.attacks] == [0.05, 0.1, 0.2, 0.5]
    assert [attacks.epsilon for attacks in robust.attacks] == [0.1]
    assert all(set(attacks.accuracies) == {"fgsm", "pgd"} for attacks in (*plain.attacks, *robust.attacks))
    assert plain.shown_attacks.accuracies["pgd"].correct <= plain.test.correct


def test_provenance_names_data_and_versions_but_no_place(made: Made) -> None:
    out, result, _ = made
    (data,) = result.provenance.data
    assert data.name.startswith("folder:digits")
    (published,) = plan_table1(Table1Request(datasets=("mnist_sample",), fast=True)).data["mnist_sample"].datasets
    assert published.provenance.official
    assert len(published.provenance.sha256["mnist_5k.csv.gz"]) == 64
    assert "torch" in result.provenance.versions
    text = (out / "table1.json").read_text()
    assert str(Path.home()) not in text
    assert str(out) not in text


def test_the_csv_holds_the_summary(made: Made) -> None:
    out, result, _ = made
    lines = list(csv.DictReader(io.StringIO((out / "table1.csv").read_text())))
    assert [float(line["test_accuracy"]) for line in lines] == [row.test.accuracy for row in result.summary]


def test_progress_is_shown(made: Made) -> None:
    notes = made[2]
    assert [len(plan.specs) for plan in notes.plans] == [2]
    assert len(notes.seconds) == 2
    assert all(seconds > 0 for seconds in notes.seconds.values())
    assert notes.ended == [(0.0, 1), (0.1, 2)]
    assert "test, negative" in notes.moments


def test_a_second_run_makes_nothing_again(made: Made, smoke: Table1Request) -> None:
    out, result, _ = made
    notes = Notes()
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*")}
    leftovers = [out / ".table1.md.123.tmp", next(out.glob("runs/*")) / ".rows.parquet.123.tmp"]
    for leftover in leftovers:
        leftover.write_text("of a killed run")
    again = reproduce_table1(smoke, out=out, hardware=HARDWARE, progress=notes)
    assert not any(leftover.exists() for leftover in leftovers)
    assert again.runs == result.runs
    assert notes.seconds == {}
    assert notes.moments == []
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*")}


def test_two_processes_make_the_same_classifiers(made: Made, smoke: Table1Request, tmp_path: Path) -> None:
    execution, notes = Execution("processes", 2, threads=torch.get_num_threads()), Notes()
    result = reproduce_table1(smoke, out=tmp_path / "out", hardware=HARDWARE, progress=notes, execution=execution)
    assert [run.weights_sha256 for run in result.runs] == [run.weights_sha256 for run in made[1].runs]
    assert [entry.test for entry in result.summary] == [entry.test for entry in made[1].summary]


def test_classifiers_of_other_threads_are_other_ones(made: Made, smoke: Table1Request, tmp_path: Path) -> None:
    """How many threads a job has may decide its last bits, so that a table has only those that were asked for."""
    plan = plan_table1(smoke)
    names = {
        (device, threads): [
            folder.name
            for folder in table1_folders(
                plan, out=tmp_path, hardware=replace(HARDWARE, device=torch.device(device)), threads=threads
            ).values()
        ]
        for device in ("cpu", "cuda")
        for threads in (None, 1, 2)
    }
    assert names["cpu", None] == [folder.name for folder in sorted((made[0] / "runs").iterdir())]
    assert len({tuple(those) for those in names.values()}) == 4
    assert names["cuda", None] == names["cuda", 1] == names["cuda", 2]


def test_the_table_keeps_what_is_there_of_other_epsilons(made: Made, smoke: Table1Request) -> None:
    out = made[0]
    fewer = replace(smoke, epsilons=(0.1,))
    again = reproduce_table1(fewer, out=out, hardware=HARDWARE, progress=Notes())
    assert [run.epsilon for run in again.runs] == [0.0, 0.1]


def only_runs(made: Made, out: Path) -> Path:
    """A folder with nothing but the `run.json` of finished runs."""
    for file in made[0].glob("runs/*/run.json"):
        (out / "runs" / file.parent.name).mkdir(parents=True)
        shutil.copy(file, out / "runs" / file.parent.name)
    return out


def test_a_report_is_made_anew_from_the_documents_of_runs_alone(made: Made, tmp_path: Path) -> None:
    out, result, _ = made
    again = report_table1(only_runs(made, tmp_path), command="a command", recipes=["small"], fast=True)
    assert (again.runs, again.summary, again.fast) == (result.runs, result.summary, True)
    assert again.provenance.data == result.provenance.data
    assert (again.provenance.command, again.provenance.hardware) == ("a command", HARDWARE.description)
    for name in ("table1.csv", "table1.png", "epochs.png"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()
    assert read_table1(tmp_path) == again
    assert (
        f"made: 2 runs at commit {result.runs[0].made_by and result.runs[0].made_by.commit}"
        in (tmp_path / "table1.md").read_text()
    )


def test_runs_that_say_nothing_of_their_data_need_the_table_that_does(made: Made, tmp_path: Path) -> None:
    out = only_runs(made, tmp_path)
    for file in out.glob("runs/*/run.json"):
        document = json.loads(file.read_text())
        file.write_text(json.dumps({**document, "made_by": None, "data": []}))
    with pytest.raises(DataError, match=r"expected table1\.json beside runs that do not record their data"):
        report_table1(out, command="a command", recipes=["small"], fast=True)
    shutil.copy(made[0] / "table1.json", out)
    again = report_table1(out, command="a command", recipes=["small"], fast=True)
    assert (again.provenance.data, again.provenance.hardware) == (made[1].provenance.data, HARDWARE.description)


def test_a_report_needs_runs_and_one_for_each_place(made: Made, tmp_path: Path) -> None:
    out = only_runs(made, tmp_path)
    with pytest.raises(DataNotFoundError, match="expected finished runs of sgd in "):
        report_table1(out, command="a command", recipes=["sgd"])
    first = sorted(out.glob("runs/*"))[0]
    shutil.copytree(first, out / "runs" / "zz")
    with pytest.raises(DataError, match=f"epsilon 0, seed 0, got {first.name} and zz; move one away"):
        report_table1(out, command="a command", recipes=["small"], fast=True)


@pytest.mark.usefixtures("beside_the_digits")
def test_figure1_shows_what_the_classifier_predicts(made: Made, tmp_path: Path) -> None:
    out = made[0]
    paths = reproduce_figure1(out, out=tmp_path, epsilons=(0.0, 0.1))
    assert {path.suffix for path in paths} == {".png", ".svg", ".json"}
    document = json.loads((tmp_path / "figure1.json").read_text())
    panels = document["panels"]
    assert document["recipe"] == "small, fast"
    assert [len(row) for row in panels] == [2, 2]
    assert all(panel["truth"] == panels[0][0]["truth"] for row in panels for panel in row)
    assert all(0.1 <= panel["confidence"] <= 1 for row in panels for panel in row)


@pytest.mark.usefixtures("beside_the_digits")
def test_figure1_shows_an_image_that_the_classifier_was_trained_on(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[Any, Any]] = []

    def draw(panels: Any, **names: Any) -> Any:
        drawn.append((panels, names))
        return draw_figure1(panels, **names)

    monkeypatch.setattr("negatoscope.reproduce.figure1.draw_figure1", draw)
    reproduce_figure1(made[0], out=tmp_path)
    ((panels, names),) = drawn
    where = {"split": "train", "transform": "clean"}
    trained = read_rows(made[0] / "rows.parquet", columns=["sample_hash"], where=where)["sample_hash"].to_pylist()
    assert int(hash_samples(panels[0][0].image[None])[0]) in trained
    assert names["groups"] == [f"{made[1].runs[0].dataset}, recipe small, smoke run"]
    assert json.loads((tmp_path / "figure1.json").read_text())["fast"] is True


def test_a_smoke_run_claims_nothing_of_randomness(made: Made) -> None:
    text = (made[0] / "table1.md").read_text()
    assert f"## {made[1].runs[0].dataset}, smoke run" in text
    assert "random**" not in text


def test_the_snippet_of_the_readme_runs_on_what_a_smoke_run_left(
    made: Made, few_digits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    snippets = [part.partition("```")[0] for part in readme.split("```python\n")[1:]]
    (snippet,) = [snippet for snippet in snippets if "out/table1" in snippet]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "table1").symlink_to(made[0])
    digits = Path(few_digits.removeprefix("folder:"))
    (tmp_path / digits.name).symlink_to(digits)
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, "README.md", "exec"), {})
    assert 0 <= float(capsys.readouterr().out) <= 1


def test_a_run_that_lacks_anything_is_one_sentence(made: Made, tmp_path: Path) -> None:
    file = next(made[0].glob("runs/*/run.json"))
    document = json.loads(file.read_text())
    needed = document.keys() - {"negative_train_before", "made_by", "data"}
    lacking = [{key: value for key, value in document.items() if key != name} for name in needed]
    for damaged in (*lacking, [], 3, {**document, "test": {}}):
        (tmp_path / "run.json").write_text(json.dumps(damaged))
        with pytest.raises(DataError, match=r"^expected a finished run.* in .*; delete its folder$"):
            read_run(tmp_path, Table1Run)
    (tmp_path / "run.json").write_text(json.dumps(document))
    assert read_run(tmp_path, Table1Run) == read_run(file.parent, Table1Run)


def test_a_report_is_asked_for_a_folder_by_the_spec_that_it_was_run_with(
    made: Made, few_digits: str, tmp_path: Path
) -> None:
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    how: dict[str, Any] = {"command": "a command", "recipes": ["small"], "fast": True}
    assert report_table1(tmp_path, datasets=[few_digits], **how).runs == made[1].runs
    with pytest.raises(DataNotFoundError):
        report_table1(tmp_path, datasets=["folder:others"], **how)


@pytest.mark.usefixtures("beside_the_digits")
@pytest.mark.parametrize("recipe", ["small", "small, fast"])
def test_figure1_shows_a_smoke_run_by_the_name_that_its_recipe_was_given(
    recipe: str, made: Made, tmp_path: Path
) -> None:
    reproduce_figure1(made[0], out=tmp_path / "named", recipe=recipe)
    reproduce_figure1(made[0], out=tmp_path / "first")
    first, named = (json.loads((tmp_path / name / "figure1.json").read_text()) for name in ("first", "named"))
    assert (named["recipe"], named["panels"]) == ("small, fast", first["panels"])


def test_figure1_refuses_a_classifier_that_was_not_made(made: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"by recipe small, fast with epsilon 0\.5"):
        reproduce_figure1(made[0], out=tmp_path / "none", epsilons=(0.5,))
    with pytest.raises(InputError, match="by recipe adam, fast with epsilon"):
        reproduce_figure1(made[0], out=tmp_path / "none", recipe="adam")
    assert not (tmp_path / "none").exists()


def test_two_runs_do_not_write_to_one_folder(made: Made, smoke: Table1Request) -> None:
    from filelock import FileLock

    with FileLock(made[0] / ".lock"), pytest.raises(InputError, match="another run writes"):
        reproduce_table1(smoke, out=made[0], hardware=HARDWARE, progress=Notes())


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, smoke: Table1Request) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        reproduce_table1(smoke, out=tmp_path / "file" / "out", hardware=HARDWARE, progress=Notes())
