"""An audit's rows are the same bits wherever its parts run, also where workers fail, are killed, or it is resumed."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import negatoscope as ng
from negatoscope.auditing.plan import AuditIdentity
from negatoscope.auditing.run import AuditProgress
from negatoscope.documents import read_document
from negatoscope.errors import InputError, JobsError, OutputError
from negatoscope.executors.processes import Processes

from .conftest import Run, pools_begun, rows_of

SLOW = pytest.mark.slow
# Python closes the file of images when it collects what an error held on to, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:.*bars.npz:pytest.PytestUnraisableExceptionWarning")
EXECUTORS = [
    pytest.param("processes", 2, id="processes-2"),
    pytest.param("processes", 1, id="processes-1", marks=SLOW),
    pytest.param("processes", 3, id="processes-3", marks=SLOW),
    pytest.param("ray", 2, id="ray-2"),
    pytest.param("ray", 1, id="ray-1", marks=SLOW),
]
BOTH = ["processes", pytest.param("ray", marks=SLOW)]


@pytest.mark.parametrize(("executor", "workers"), EXECUTORS)
def test_rows_are_the_same_bits(executor: Any, workers: int, run: Run) -> None:
    seen = list[AuditProgress]()
    here = run(out="here", threads=1)
    there = run(out="there", executor=executor, workers=workers, progress=seen.append)
    assert rows_of("there") == rows_of("here")
    assert len(rows_of("there")) == 5
    assert read_document(Path("there/plan.json"), AuditIdentity, what="", make="").threads == 1
    assert (there.clean, there.transforms) == (here.clean, here.transforms)
    assert [entry.images for entry in seen if entry.stage == "images"][-1] == 6200
    assert "there" not in there.summary.provenance.command


@pytest.mark.parametrize("executor", BOTH)
def test_a_worker_that_is_killed_is_replaced(executor: Any, run: Run) -> None:
    run(out="here", threads=1, model="Killed")
    assert not Path("killed").exists(), "only workers are killed"
    run(out="there", executor=executor, workers=2, model="Killed")
    assert Path("killed").exists()
    assert rows_of("there") == rows_of("here")


@pytest.mark.parametrize("executor", BOTH)
def test_a_part_that_fails_three_times_is_named_and_the_same_call_resumes(executor: Any, run: Run) -> None:
    run(out="here", threads=1, model="Failing")
    sentence = r"expected 5 jobs to finish, but 1 failed 3 times: part 3 \(RuntimeError: a seven in the corner\); all"
    with pytest.raises(JobsError, match=sentence):
        run(out="there", executor=executor, workers=2, model="Failing")
    assert Path("failures").read_text() == "111"
    done = {path.parent.name: path.stat().st_mtime_ns for path in Path("there/parts").glob("*/done.json")}
    assert set(done) == {"000000", "000001", "000002", "000004"}
    Path("allowed").touch()
    run(out="there", model="Failing", threads=1)
    assert rows_of("there") == rows_of("here")


@pytest.mark.parametrize("executor", BOTH)
@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        pytest.param(
            "unopened",
            r"expected bar_models:unopened to be a function that makes a model, but .*no memory is left",
            marks=SLOW,
        ),
        ("dying", "expected workers that open the model and the data, but 3 could not"),
        ("other", "expected a worker to open what is planned, got something else on .*: the model's weights differ"),
    ],
)
def test_a_worker_that_cannot_open_the_model_ends_it_in_one_sentence(
    model: str, sentence: str, executor: Any, run: Run
) -> None:
    with pytest.raises((InputError, JobsError), match=sentence):
        run(model=model, executor=executor, workers=2)
    assert not Path("out/rows.parquet").exists()


def test_workers_end_with_the_audit_that_is_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pools = pools_begun(Processes, monkeypatch)

    def stop(progress: AuditProgress) -> None:
        if progress.stage == "images" and 0 < progress.images < progress.total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(executor="processes", workers=2, progress=stop)
    assert not any(worker.process.is_alive() for worker in pools[0].workers.values())
    run(executor="processes", workers=1)
    run(out="here", threads=1)
    assert rows_of("out") == rows_of("here")


def test_a_model_in_memory_runs_in_this_process_alone(run: Run) -> None:
    with pytest.raises(InputError, match=r"expected a model and data for --executor processes, got one that is open"):
        ng.audit(lambda images: images, "bars.npz", executor="processes")


def test_an_audit_of_other_threads_is_another_one(run: Run) -> None:
    run(threads=1)
    with pytest.raises(OutputError, match="threads is 1 there, 2 here"):
        run(threads=2)


def test_a_part_that_has_an_image_twice_or_not_at_all_is_never_merged(run: Run) -> None:
    def stop(progress: AuditProgress) -> None:
        if progress.stage == "images" and progress.images > 4096:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(progress=stop)
    file = Path("out/parts/000001/rows.parquet")
    rows = pq.read_table(file)
    pq.write_table(pa.concat_tables([rows.slice(0, 1), rows.slice(0, 1), rows.slice(2)]), file)
    with pytest.raises(InputError, match=r"each of 1536 images in .*000001, got 1536 rows of 1535 images"):
        run()
    assert not Path("out/done.json").exists()
