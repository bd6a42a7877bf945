"""What a user sees while a table is made: progress, time left, and the table filling in."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

from negatoscope.reports.formatting import counted, duration, percent
from negatoscope.reproduce.runs import Cell
from negatoscope.reproduce.table1 import Job
from negatoscope.reproduce.table1_page import table1_live
from negatoscope.training.loop import TrainingProgress


class Watch:
    """Shows a run of `reproduce_table1` on standard error: a live table on a terminal, else one line an epoch.

    Args:
        out: Where results go.
        hardware: What it runs on, in words.
    """

    def __init__(self, out: Path, hardware: str) -> None:
        self.out, self.hardware = out, hardware
        self.console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[left]}"), console=self.console
        )
        self.task = self.progress.add_task("starting", total=1.0, left="")
        self.seconds: dict[Cell, float] = {}
        self.summary: Sequence[Mapping[str, Any]] = []
        self.began = time.monotonic()
        self.cell_began = self.began
        self.passed = 0.0
        self.epochs = -1
        self.live = Live(console=self.console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> "Watch":
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()
        if kind is KeyboardInterrupt:
            self.console.print("Stopped. The same command goes on from here.")
            raise SystemExit(130)

    def planned(self, job: Job) -> None:
        """Say loudly what is not run, and what stands in for it."""
        for entry in job.not_run:
            self.console.print(f"NOT RUN: {entry['dataset']}: {entry['reason']}.", style="bold", soft_wrap=True)
        if job.not_run and "mnist_sample" in job.data:
            self.console.print(
                "INSTEAD OF MNIST: a sample of 5,000 of its images. Not comparable with the paper.",
                style="bold",
                soft_wrap=True,
            )

    def estimated(self, seconds: Mapping[Cell, float]) -> None:
        """Say how much there is to do."""
        self.seconds = dict(seconds)
        self.began = self.cell_began = time.monotonic()
        total = sum(seconds.values())
        self.progress.update(self.task, total=max(total, 1e-9))
        if seconds:
            number = counted(len(seconds), "classifier")
            self.console.print(f"{number} to make, about {duration(total)} on {self.hardware}.")

    def moved(self, cell: Cell, moment: TrainingProgress | str) -> None:
        """Show where a cell stands."""
        expected = self.seconds.get(cell, 0.0)
        if isinstance(moment, str):
            self._show(cell, f"measuring: {moment}", 0.97 * expected)
            return
        self._show(cell, _standing(moment), 0.9 * expected * moment.step / moment.steps)
        if len(moment.history) != self.epochs:
            self.epochs = len(moment.history)
            if not self.console.is_terminal:
                told = [f"{_name(cell)}: {_standing(moment)}", self._left()]
                self.console.print("; ".join(filter(None, told)), soft_wrap=True)

    def finished(self, cell: Cell, document: Mapping[str, Any], summary: Sequence[Mapping[str, Any]]) -> None:
        """Put a cell into the table."""
        self.summary = summary
        self.passed += self.seconds.pop(cell, 0.0)
        self.epochs = -1
        self.progress.update(self.task, completed=self.passed)
        rates = {"test": document["test"]["accuracy"], "negatives": document["negative_train"]["accuracy"]}
        told = ", ".join(f"{name} {percent(rate, unit=True)}" for name, rate in rates.items())
        if not self.console.is_terminal:
            self.console.print(f"{_name(cell)}: done: {told}", soft_wrap=True)

    def _show(self, cell: Cell, text: str, within: float) -> None:
        self.progress.update(
            self.task, description=f"{_name(cell)}: {text}", completed=self.passed + within, left=self._left()
        )

    def _left(self) -> str:
        task = self.progress.tasks[0]
        spent, share = time.monotonic() - self.began, task.completed / (task.total or 1.0)
        if spent < 20 or share <= 0:
            return ""
        return f"{duration(spent * (1 - share) / share)} left"

    def _render(self) -> RenderableType:
        pending = [(cell.dataset, cell.epsilon) for cell in self.seconds]
        return Group(self.progress, table1_live(self.summary, pending=pending))


def _name(cell: Cell) -> str:
    return f"{cell.dataset}, epsilon {cell.epsilon:g}, seed {cell.seed}"


def _standing(moment: TrainingProgress) -> str:
    """The epoch, and what the last complete one came to."""
    text = f"step {moment.step} of {moment.steps}"
    if moment.history:
        last = moment.history[-1]
        text += f", epoch {last.epoch}: validation {percent(last.validation_accuracy, unit=True)}"
        text += f", negatives {percent(last.negative_accuracy, unit=True)}"
    return text
