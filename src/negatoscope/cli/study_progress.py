"""What a user sees while a sensitivity study is made: progress, time left, and what each run came to."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from negatoscope.reports.formatting import counted, duration, percent
from negatoscope.training.loop import TrainingProgress


class StudyWatch:
    """Shows a run of `study_sensitivity` on standard error: a bar on a terminal, and a line for each run.

    Args:
        hardware: What it runs on, in words.
    """

    def __init__(self, hardware: str) -> None:
        self.hardware = hardware
        self.console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(24),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self.task = self.progress.add_task("starting", total=1.0, left="")
        self.began = time.monotonic()
        self.passed, self.total = 0.0, 1.0

    def __enter__(self) -> "StudyWatch":
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        if kind is KeyboardInterrupt:
            self.console.print("Stopped. The same command goes on from here.")
            raise SystemExit(130)

    def planned(self, runs: int, done: int, seconds: float, not_run: Sequence[Mapping[str, str]]) -> None:
        """Say how much there is to do, and loudly what is not run."""
        for entry in not_run:
            self.console.print(f"NOT RUN: {entry['study']}: {entry['reason']}.", style="bold", soft_wrap=True)
        self.began, self.total = time.monotonic(), max(seconds, 1e-9)
        self.progress.update(self.task, total=self.total)
        there = f", {done} of them there already" if done else ""
        self.console.print(
            f"{counted(runs, 'run')}{there}; about {duration(seconds)} on {self.hardware}.", soft_wrap=True
        )

    def moved(self, name: str, moment: TrainingProgress | str) -> None:
        """Show where a run stands."""
        text = moment if isinstance(moment, str) else f"step {moment.step} of {moment.steps}"
        self.progress.update(self.task, description=f"{name}: {text}", left=self._left())

    def finished(self, name: str, document: Mapping[str, Any], seconds: float) -> None:
        """Say what a run came to."""
        self.passed += seconds
        self.progress.update(self.task, completed=self.passed, left=self._left())
        test, negative = (percent(document[key]["accuracy"], unit=True) for key in ("test", "negative"))
        told = f"{name}: test {test}, negatives {negative}"
        self.console.print("; ".join(filter(None, [told, self._left()])), soft_wrap=True)

    def _left(self) -> str:
        """From what the finished runs took and were expected to take."""
        spent = time.monotonic() - self.began
        if not self.passed:
            return ""
        return f"{duration(max(0.0, self.total - self.passed) * spent / self.passed)} left"
