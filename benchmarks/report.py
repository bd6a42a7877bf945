"""Seconds from an audit's summary to its end: everything that is written for people, of all of GTSRB's test images.

An audit of 12,630 images under the 50 transforms of the suite "all" is made once, of a small network, so that it has
many failures. It is then finished again, as a stopped one resumes that has all its rows: from the moment when the
summary stands, pictures of failures are read, drawn and written, and so are the tables of images and failures, the
figures, the page and `junit.xml`. Nobody else makes such a report, so there is no peer.
"""

import shutil
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import harness, where
from benchmarks.audit import CLASSES, SIDE, small_network, trained
from benchmarks.harness import Findings
from negatoscope.auditing.audit import audit
from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.run import AuditProgress
from negatoscope.data import load_dataset
from negatoscope.memory import keep_freed_memory
from negatoscope.models.open import open_classifier


def run(quick: bool) -> Findings:
    keep_freed_memory()  # as the command does
    network = trained(small_network(), steps=5 if quick else 150)
    classifier = open_classifier(network, size=SIDE, channels="rgb", data_classes=CLASSES)
    dataset, limit = load_dataset("gtsrb", split="test"), 64 if quick else None
    with TemporaryDirectory() as place:
        finish = partial(audit, classifier, dataset, suite="all", limit=limit, no_self_check=True, out=Path(place))
        result = finish()
        stages = defaultdict(list)
        for _ in range(1 if quick else 5):
            shutil.rmtree(Path(place) / "gallery")
            for stage, seconds in _stages(finish).items():
                stages[stage].append(seconds)
        shutil.rmtree(Path(place) / "gallery")
        goes = where.shares(finish, where.REPORT | {"summary": where.AUDIT["summary, from rows"]})
    what = f"an audit of {result.summary.n:,} images under {len(result.summary.transforms)} transforms"
    whole = [sum(each) for each in zip(stages["gallery"], stages["report"], strict=True)]
    parts = {"report": whole, "pictures and tables": stages["gallery"], "figures and page": stages["report"]}
    measures = [harness.measure(f"{part} of {what}", "s", {"negatoscope": seconds}) for part, seconds in parts.items()]
    return Findings.of(list(zip(measures, (goes, {}, {}), strict=True)))


def _stages(finish: partial[AuditResult]) -> dict[str, float]:
    """Seconds of each stage of an audit."""
    began: dict[str, float] = {}

    def note(progress: AuditProgress) -> None:
        began.setdefault(progress.stage, time.perf_counter())

    finish(progress=note)
    moments = [*began.values(), time.perf_counter()]
    return {stage: end - start for stage, start, end in zip(began, moments, moments[1:], strict=False)}
