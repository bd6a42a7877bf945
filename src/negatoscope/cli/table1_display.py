"""What a user sees while Table I is made."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from negatoscope.cli.progress import TrainingDisplay
from negatoscope.reports.formatting import counted, duration, percent
from negatoscope.reproduce.runs import RunSpec
from negatoscope.reproduce.table1 import Table1Plan
from negatoscope.reproduce.table1_columns import table1_live
from negatoscope.reproduce.table1_document import SummaryRow, Table1
from negatoscope.reproduce.table1_page import warnings
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.training.loop import TrainingProgress

_LEGEND = (
    "Accuracy in percent, of one or two runs with Wilson's 95 % interval, of more with a 95 % prediction interval. The "
    "paper's number agrees with ours, or ours are higher or lower; no word: undecided (too few runs, or they scatter)."
)


def table1_tables(result: Table1) -> RenderableType:
    """What a terminal of 80 columns shows of Table I when it is done."""
    loud = [Text(f"{warning}.", style="bold yellow") for warning in warnings(result)]
    return Group("", *loud, table1_live(result.summary, pending=()), "", Text(_LEGEND, style="dim"))


class Table1Display(TrainingDisplay):
    """Shows a run of `reproduce_table1`: on a terminal with the table as it fills in, elsewhere one line an epoch."""

    def __init__(self, hardware: str) -> None:
        self.seconds: dict[RunSpec, float] = {}
        self.summary: Sequence[SummaryRow] = []
        self.finished_seconds = 0.0
        self.epochs = -1
        super().__init__(hardware)  # which draws what is below the bar

    def below(self) -> Sequence[RenderableType]:
        """Table I as far as it is known."""
        pending = [(spec.dataset, spec.recipe.name, spec.epsilon) for spec in self.seconds]
        return [table1_live(self.summary, pending=pending)]

    def planned(self, plan: Table1Plan) -> None:
        """Say loudly what is not run, and what stands in for it."""
        for entry in plan.not_run:
            self.skip(entry.dataset, entry.reason)
        if plan.not_run and "mnist_sample" in plan.data:
            self.say("INSTEAD OF MNIST: a sample of 5,000 of its images. Not comparable with the paper.", loudly=True)

    def estimated(self, seconds: Mapping[RunSpec, float]) -> None:
        """Say how much there is to do; of a smoke run, which is not timed, in classifiers."""
        self.seconds, total = dict(seconds), sum(seconds.values())
        self.expect(total)
        if seconds:
            number, fast = counted(len(seconds), "classifier"), next(iter(seconds)).fast
            self.say(f"{number} to make, {'a smoke run' if fast else f'about {duration(total)}'} on {self.hardware}.")

    def moved(self, spec: RunSpec, progress: TrainingProgress | str) -> None:
        """Show where a classifier stands."""
        seconds = self.seconds.get(spec, 0.0)
        if isinstance(progress, str):
            is_step = progress.startswith("step ")  # of a worker, beside others
            share, doing = (0.0, "") if is_step else (0.97, "measuring: ")
            self.update(f"{_name(spec)}: {doing}{progress}", self.finished_seconds + share * seconds)
            return
        text = f"{_name(spec)}: step {progress.step} of {progress.steps}"
        if progress.history:
            last = progress.history[-1]
            text += f", epoch {last.epoch}: validation {percent(last.validation_accuracy, unit=True)}"
            text += f", negatives {percent(last.negative_accuracy, unit=True)}"
        self.update(text, self.finished_seconds + 0.9 * seconds * progress.step / progress.steps)
        if len(progress.history) != self.epochs:
            self.epochs = len(progress.history)
            self.step(text)

    def finished(self, spec: RunSpec, run: Table1Run, summary: Sequence[SummaryRow]) -> None:
        """Put a classifier into the table."""
        self.summary, self.epochs = summary, -1
        self.finished_seconds += self.seconds.pop(spec, 0.0)
        text = f"{_name(spec)}: done: {self.accuracies(run)}"
        self.update(text, self.finished_seconds)
        self.step(text)


def _name(spec: RunSpec) -> str:
    return f"{spec.dataset}, {spec.recipe.name}, epsilon {spec.epsilon:g}, seed {spec.seed}"
