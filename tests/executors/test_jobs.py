"""Jobs run once wherever they run: what fails is tried again, what always fails is named, and the others go on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from negatoscope.errors import DataError, InputError, JobsError, StoreError
from negatoscope.executors import LOCAL, Execution, Tell
from negatoscope.executors.jobs import run_jobs

WORK = '''
import os, signal, time
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class Numbers:
    """Jobs are numbers; each leaves a file."""

    folder: Path

    def open(self):
        with (self.folder / "opened").open("a") as file:
            file.write("1")
        return 10

    def run(self, opened, job, tell):
        tell(job / 2)
        (self.folder / f"{job}.txt").write_text(str(opened * job))

@dataclass(frozen=True)
class Killed(Numbers):
    """Of three workers job 1 kills the idle one, and then, as job 2 does, its own, once."""

    def run(self, opened, job, tell):
        if job == 0:
            self.wait_for_workers(3)
            (self.folder / "pid").write_text(str(os.getpid()))
        elif not (self.folder / f"killed {job}").exists():
            while not (self.folder / ("0.txt" if job == 1 else "killed 1")).exists():
                time.sleep(0.01)
            if job == 1:
                time.sleep(0.5)
                os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
                self.wait_for_workers(4)
            (self.folder / f"killed {job}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().run(opened, job, tell)

    def wait_for_workers(self, count):
        while len((self.folder / "opened").read_text()) < count:
            time.sleep(0.01)
        time.sleep(0.5)  # which the first process hears of
'''


WRONG = {"input": DataError("expected a file, got none"), "store": StoreError("cannot reach it")}


@dataclass(frozen=True)
class Texts:
    """Jobs are texts: "well", or how often one fails before it ends, or forever."""

    tries: dict[str, int]

    def open(self) -> str:
        return "open"

    def run(self, opened: str, job: str, tell: Tell) -> None:
        assert opened == "open"
        tell(job)
        self.tries[job] = self.tries.get(job, 0) + 1
        if job in WRONG:
            raise WRONG[job]
        if job.startswith("forever") or self.tries[job] <= int(job[-1]) * job.startswith("fails"):
            raise RuntimeError(f"try {self.tries[job]}")


def test_a_job_that_fails_twice_ends_at_its_third_try_after_the_others() -> None:
    work = Texts({})
    assert list(run_jobs(work, ["fails 2", "well 0", "fails 1"], execution=LOCAL)) == ["well 0", "fails 1", "fails 2"]
    assert work.tries == {"fails 2": 3, "well 0": 1, "fails 1": 2}


def test_a_job_that_fails_three_times_is_named_and_the_others_go_on() -> None:
    work, ended = Texts({}), list[str]()
    sentence = (
        r"^expected 4 jobs to finish, but 1 failed 3 times: forever \(RuntimeError: try 3\); all others are done, the"
    )
    with pytest.raises(JobsError, match=sentence) as raised:
        ended.extend(run_jobs(work, ["well 0", "forever", "well 1", "well 2"], execution=LOCAL))
    assert work.tries == {"well 0": 1, "forever": 3, "well 1": 1, "well 2": 1}
    assert raised.value.exit_code == 1
    assert "in run" in raised.value.__notes__[0], "where it failed"


@pytest.mark.parametrize("job", WRONG)
def test_what_the_user_must_mend_stops_everything_at_once(job: str) -> None:
    work = Texts({})
    with pytest.raises(type(WRONG[job]), match=f"^{WRONG[job]}$") as raised:
        list(run_jobs(work, ["well 0", job, "well 1"], execution=LOCAL))
    assert work.tries == {"well 0": 1, job: 1}
    assert raised.value.exit_code == 2


def test_where_no_job_ends_not_all_of_a_million_are_tried() -> None:
    work = Texts({})
    with pytest.raises(JobsError, match=r"but 3 failed 3 times: .* 999997 did not finish"):
        list(run_jobs(work, [f"forever {index}" for index in range(1_000_000)], execution=LOCAL))


def test_a_single_job_that_fails_is_named_alone() -> None:
    with pytest.raises(
        JobsError, match=r"^expected the job to finish, but 1 failed 3 times: forever .*\); the same com"
    ):
        list(run_jobs(Texts({}), ["forever"], execution=LOCAL))


def test_no_jobs_start_nothing(tmp_path: Path) -> None:
    assert list(run_jobs(Texts({}), [], execution=Execution("processes", 2))) == []


def test_who_watches_can_stop_it() -> None:
    def stop(job: str, what: object) -> None:
        raise ZeroDivisionError

    work = Texts({})
    with pytest.raises(ZeroDivisionError):
        list(run_jobs(work, ["well 0"], execution=LOCAL, moved=stop))
    assert work.tries == {}


@pytest.fixture
def number_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Kinds of work that other processes can import."""
    (tmp_path / "number_jobs.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    import number_jobs  # type: ignore[import-not-found]

    return number_jobs


@pytest.mark.parametrize("count", [1, 3])
def test_processes_open_once_each_and_run_every_job_once(count: int, number_jobs: Any, tmp_path: Path) -> None:
    moved, work = list[tuple[int, float]](), number_jobs.Numbers(tmp_path)
    execution = Execution("processes", count)
    ended = list(run_jobs(work, range(9), execution=execution, moved=lambda job, what: moved.append((job, what))))
    assert sorted(ended) == list(range(9))
    assert [(tmp_path / f"{job}.txt").read_text() for job in range(9)] == [str(10 * job) for job in range(9)]
    assert len((tmp_path / "opened").read_text()) <= count
    assert sorted(moved) == [(job, job / 2) for job in range(9)]


@pytest.mark.slow
def test_a_worker_that_is_killed_between_two_jobs_gets_one_job_at_a_time_again(
    number_jobs: Any, tmp_path: Path
) -> None:
    jobs = run_jobs(number_jobs.Killed(tmp_path), range(3), execution=Execution("processes", 3))
    assert sorted(jobs) == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"executor": "rays"}, r"^expected --executor local, processes or ray, got 'rays'; did you mean 'ray'\?$"),
        ({"workers": 0}, r"^expected --workers of at least 1, got 0$"),
        ({"threads": 0}, r"^expected --threads of at least 1, got 0$"),
        ({"threads": 2**64}, r"^expected --threads of at most 1,024, got 18446744073709551616$"),
        ({"workers": 2}, r"^expected --executor processes or ray beside --workers, got local; give one of them$"),
        ({"executor": "processes", "address": "x:1"}, r"^expected --executor ray beside --address, got processes$"),
    ],
)
def test_what_cannot_be_run_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Execution(**given)


def test_threads_of_a_job_do_not_depend_on_the_number_of_workers() -> None:
    assert {Execution("processes", count).threads for count in (1, 2, 50)} == {1}
    assert Execution("ray", threads=3).threads == 3
    assert LOCAL.threads is None
