"""What a user sees while a long command runs: a bar and the time left, or one line for each step."""

import os
import signal
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

from negatoscope.reports.formatting import duration, percent

if TYPE_CHECKING:
    from negatoscope.models.adapter import ClassifierAdapter
    from negatoscope.reproduce.runs import Run

Display = TypeVar("Display", bound="ProgressDisplay")
_TOO_EARLY_SECONDS = 10  # before this the pace says little about the time left


class ProgressDisplay:
    """Shows on standard error how far a command is: a bar on a terminal, one line for each step elsewhere."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(24), TextColumn("{task.fields[left]}"))
        self._bar = Progress(*columns, console=self.console)
        self._task = self._bar.add_task("starting", total=1.0, left="")
        self._live = Live(
            console=self.console,
            get_renderable=lambda: Group(self._bar, *self.below()),
            refresh_per_second=4,
            transient=True,
        )
        self._tenth = -1
        self.expect(1.0)

    def __enter__(self: Display) -> Display:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            self.say(
                "Ctrl-C is ignored, as in every command that a script runs in the background."
                f" Stop it with: kill {os.getpid()}"
            )
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def below(self) -> Sequence[RenderableType]:
        """What a terminal shows below the bar, asked for at each refresh."""
        return ()

    def say(self, text: str, *, loudly: bool = False) -> None:
        """Print a line, above the bar if there is one."""
        self.console.print(text, style="bold" if loudly else None)

    def expect(self, total: float, *, done: float = 0.0) -> None:
        """Say how much work there is, in any unit, and how much of it an earlier run did; the time counts from now."""
        self.total, self.done, self._before, self._began = total, done, done, time.monotonic()
        self._bar.update(self._task, total=max(total, 1e-9), completed=done)

    def update(self, text: str, done: float) -> None:
        """Say what is being done, and how much of the work is done."""
        self.done = done
        self._bar.update(self._task, description=text, completed=done, left=self.left)

    def step(self, text: str) -> None:
        """Print a line with the time left where there is no bar."""
        if not self.console.is_terminal:
            self.say("; ".join(filter(None, [text, self.left])))

    def step_at_tenths(self, text: str, share: float) -> None:
        """The same where another tenth of the work is done, and the pace is known."""
        if self.left and int(10 * share) > self._tenth:
            self._tenth = int(10 * share)
            self.step(text)

    def warn_of_code(self, *classifiers: "ClassifierAdapter") -> None:
        """Say of which classifiers the code is the user's own."""
        for classifier in classifiers:
            if classifier.runs_code:
                self.say(f"This runs your own code: {classifier.name}.")

    @property
    def left(self) -> str:
        """The time left at this run's own pace, such as "5 min left"; "" while it is too early to say."""
        spent, done_now = time.monotonic() - self._began, self.done - self._before
        if spent < _TOO_EARLY_SECONDS or done_now <= 0:
            return ""
        return f"{duration(max(0.0, self.total - self.done) * spent / done_now)} left"


class TrainingDisplay(ProgressDisplay):
    """Shows a command that trains and measures classifiers.

    Args:
        hardware: What it runs on, in words.
    """

    def __init__(self, hardware: str) -> None:
        super().__init__()
        self.hardware = hardware

    def skip(self, name: str, reason: str) -> None:
        """Say loudly what is not run."""
        self.say(f"NOT RUN: {name}: {reason}.", loudly=True)

    def accuracies(self, run: "Run") -> str:
        """What a run came to."""
        test, negatives = (percent(rate.accuracy, unit=True) for rate in (run.test, run.negative_train))
        return f"test {test}, negatives {negatives}"
