"""What a user sees while an audit runs."""

from collections.abc import Mapping

from negatoscope.auditing.page_text import dicom_facts, left_out
from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.run import AuditProgress, Stage
from negatoscope.cli.progress import ProgressDisplay
from negatoscope.data.dicom import summarize_dicom
from negatoscope.reports.formatting import counted, duration, megabytes

_BEYOND: Mapping[Stage, tuple[str, float]] = {
    "self_check": ("checking clean images", 0.0),
    "summary": ("counting rows", 0.0),
    "gallery": ("drawing misclassified images", 0.03),
    "report": ("writing the report", 0.07),
}
"""What a stage that classifies nothing is called, and how far past the images the bar is then, as a share of them."""
_ALL = 1.1  # images and all that comes after them, as a share of the images


class AuditDisplay(ProgressDisplay):
    """Shows how far an audit is: a bar on a terminal; else a line once its pace is known and at each tenth."""

    is_estimated = False

    def planned(self, plan: AuditPlan) -> None:
        """Say what will be done."""
        classifier, dataset = plan.classifier, plan.dataset
        self.expect(_ALL * len(dataset))
        images = f"{counted(len(dataset), 'image')} of {dataset.spec} {dataset.split}"
        under = f" and under {counted(len(plan.transforms), 'transform')}" if plan.transforms else " alone"
        self.say(f"{classifier.name} ({classifier.kind}) on {images}, clean{under}.")
        dicom = summarize_dicom(dataset)
        for sentence in [*left_out(dataset.left_out), *(dicom_facts(dicom) if dicom else [])]:
            self.say(sentence)
        self.warn_of_code(classifier)

    def moved(self, progress: AuditProgress) -> None:
        """Show where the audit stands; once there are rows, say what is left and how large they get."""
        images, total = progress.images, progress.total
        if progress.stage in _BEYOND:
            text, share = _BEYOND[progress.stage]
            self.update(text, images + share * total)
            return
        if progress.seconds_left is None:  # images of an earlier run
            self.expect(_ALL * total, done=images)
            return
        text = f"{images:,} of {total:,} images"
        self.update(text, images)
        if progress.size_bytes is not None and not self.is_estimated:
            self.is_estimated = True
            if images < total:
                size = megabytes(progress.size_bytes)
                self.say(f"About {duration(progress.seconds_left)} left, and {size} of rows on disk.")
        self.step_at_tenths(text, images / total)
