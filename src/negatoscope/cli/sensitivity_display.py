"""What a user sees while a sensitivity study runs."""

from collections.abc import Sequence

from negatoscope.cli.progress import TrainingDisplay
from negatoscope.reports.formatting import counted, duration
from negatoscope.studies.sensitivity_result import SkippedStudy
from negatoscope.studies.sensitivity_run import StudyRun
from negatoscope.training.loop import TrainingProgress


class SensitivityDisplay(TrainingDisplay):
    """Shows a run of `study_sensitivity`: a bar on a terminal, and a line for each run."""

    def planned(self, runs: int, done: int, seconds: float, not_run: Sequence[SkippedStudy], beyond: int) -> None:
        """Say how much there is to do, and loudly what is not run."""
        for entry in not_run:
            self.skip(entry.study, entry.reason)
        self.expect(seconds)
        finished = f", {done} of them finished earlier" if done else ""
        self.say(f"{counted(runs, 'run')}{finished}; about {duration(seconds)} on {self.hardware}.")
        if beyond:
            self.say(f"The budget is not enough for {counted(beyond, 'run')} more.")

    def moved(self, name: str, moment: TrainingProgress | str) -> None:
        """Show where a run stands."""
        text = moment if isinstance(moment, str) else f"step {moment.step} of {moment.steps}"
        self.update(f"{name}: {text}", self.done)

    def finished(self, name: str, run: StudyRun, seconds: float) -> None:
        """Say what a run came to."""
        self.update(name, self.done + seconds)
        text = f"{name}: {self.accuracies(run)}"
        self.say("; ".join(filter(None, [text, self.left])))
