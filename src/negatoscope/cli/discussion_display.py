"""What a user sees while the experiments of the discussion run."""

from collections.abc import Mapping, Sequence

from negatoscope.cli.progress import TrainingDisplay
from negatoscope.reports.formatting import counted, percent
from negatoscope.studies.discussion_run import DiscussionRun
from negatoscope.studies.sensitivity_result import SkippedStudy
from negatoscope.training.loop import TrainingProgress


class DiscussionDisplay(TrainingDisplay):
    """Shows a run of `run_discussion`: a bar on a terminal, and a line for each run."""

    def planned(self, runs: int, images: Mapping[str, int], not_run: Sequence[SkippedStudy]) -> None:
        """Say how much there is to do, and loudly what is not run."""
        for entry in not_run:
            self.skip(entry.study, entry.reason)
        self.images = images
        self.expect(sum(images.values()))
        finished = f", {runs - len(images)} of them finished earlier" if len(images) < runs else ""
        total = f"{sum(images.values()):,} images to train on, epoch by epoch"
        self.say(f"{counted(runs, 'run')}{finished}; {total}, on {self.hardware}.")

    def moved(self, name: str, moment: TrainingProgress | str) -> None:
        """Show where a run stands."""
        text = moment if isinstance(moment, str) else f"step {moment.step} of {moment.steps}"
        self.update(f"{name}: {text}", self.done)

    def finished(self, name: str, run: DiscussionRun) -> None:
        """Say what a run came to."""
        self.update(name, self.done + self.images[name])
        test, negatives = (percent(rate.accuracy, unit=True) for rate in (run.test, run.negative_test))
        self.say("; ".join(filter(None, [f"{name}: test {test}, negatives {negatives}", self.left])))
