"""What a user sees while a classifier is hardened."""

from negatoscope.cli.progress import ProgressDisplay
from negatoscope.hardening.jobs import HardenProgress
from negatoscope.hardening.plan import HardenPlan
from negatoscope.reports.formatting import counted, joined


class HardenDisplay(ProgressDisplay):
    """Shows what is being done: a bar on a terminal, a line for each step elsewhere."""

    shown = ""

    def planned(self, plan: HardenPlan) -> None:
        """Say what will be done."""
        classifier, source = plan.classifier, plan.fit_dataset
        fitted = f"{counted(len(plan.fit.images), 'image')}{f' of {source.spec} {source.split}' if source else ''}"
        self.say(
            f"{classifier.name} ({classifier.kind}), invariant to {plan.group.name}, by {joined([*plan.methods])}."
        )
        self.say(f"Fitted on {fitted}; {plan.dataset.spec} {plan.dataset.split} judges, before and after.")
        self.warn_of_code(classifier)

    def moved(self, progress: HardenProgress) -> None:
        """Show where it stands; without a bar, a line where another step begins or a fit tells how it goes."""
        self.update(progress.text, progress.share)
        text = progress.text.partition(":")[0] if progress.text.endswith(" images") else progress.text
        if text != self.shown:
            self.shown = text
            if progress.fitting:  # of unknown length
                self.say(text)
            else:
                self.step(text)
