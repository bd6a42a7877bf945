"""What a user sees while a search runs."""

from negatoscope.cli.progress import ProgressDisplay
from negatoscope.reports.formatting import counted, joined
from negatoscope.searching.plan import SearchPlan
from negatoscope.searching.run import SearchProgress


class SearchDisplay(ProgressDisplay):
    """Shows how far a search is: a bar on a terminal; else a line once its pace is known and at each tenth."""

    earlier = 0.0

    def planned(self, plan: SearchPlan) -> None:
        """Say what will be done."""
        classifier, dataset = plan.classifier, plan.dataset
        images = f"{counted(len(dataset), 'image')} of {dataset.spec} {dataset.split}"
        spaces = joined([planned.space.name for planned in plan.spaces])
        queries = "1 query" if plan.config.budget == 1 else f"{plan.config.budget:,} queries"
        each = " in each space" if len(plan.spaces) > 1 else ""
        self.say(f"{classifier.name} ({classifier.kind}) on {images}, in {spaces}.")
        self.say(f"Strategy {plan.identity.strategy}: at most {queries} for an image{each}.")
        self.warn_of_code(classifier, *plan.transfer)

    def moved(self, progress: SearchProgress) -> None:
        """Show where the search stands; the time left counts from what an earlier run did."""
        if progress.earlier > self.earlier:
            self.earlier = progress.earlier
            self.expect(1.0, done=progress.share)
        self.update(progress.text, progress.share)
        self.step_at_tenths(progress.text, progress.share)
