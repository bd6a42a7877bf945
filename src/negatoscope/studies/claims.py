"""What two papers claim, each sentence judged by recipe: a test, its numbers, a verdict by rule."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from negatoscope.documents import read_settings
from negatoscope.reproduce.table1_document import Table1
from negatoscope.studies import claims_of_discussion as experiments
from negatoscope.studies import claims_of_study as study
from negatoscope.studies import claims_of_table1 as table
from negatoscope.studies.claims_finding import Finding, joint
from negatoscope.studies.discussion_result import Discussion
from negatoscope.studies.sensitivity_result import SensitivityResult


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper; `quoted` where the words are the paper's own."""

    id: str
    text: str
    source: str
    quoted: bool = True


@dataclass(frozen=True)
class _Claims:
    claim: tuple[Claim, ...]


def judge_claims(
    table1: Table1, sensitivity: SensitivityResult, discussion: Discussion | None = None
) -> list[tuple[Claim, Finding]]:
    """Every claim of `claims.toml` with what we found.

    Args:
        table1: What `reproduce table1` found.
        sensitivity: What `reproduce sensitivity` found.
        discussion: What `reproduce discussion` found; None where it was not run.
    """
    claims = read_settings(Path(__file__).with_name("claims.toml"), _Claims, what="claims").claim
    return [(claim, _judge(claim.id, table1, sensitivity, discussion)) for claim in claims]


def _judge(claim: str, table1: Table1, sensitivity: SensitivityResult, discussion: Discussion | None) -> Finding:
    findings = []
    if claim in _OF_TABLE1:
        findings.append(_OF_TABLE1[claim](table1))
    if claim in _OF_STUDY:
        findings.append(_OF_STUDY[claim](sensitivity))
    if claim in _OF_DISCUSSION and discussion is not None:
        findings.append(_OF_DISCUSSION[claim](discussion))
    return joint(findings) if findings else Finding(_UNTESTED[claim])


_OF_TABLE1: dict[str, Callable[[Table1], Finding]] = {
    "training": table.training,
    "confidence": table.confidence,
    "test": table.test,
    "table": table.table,
    "fail": table.fail,
    "random_level": table.random_level,
    "random_class": table.random_class,
    "chance": table.chance,
    "resilient": table.resilient,
    "robust": table.robust,
    "adversary": table.adversary,
}

_OF_STUDY: dict[str, Callable[[SensitivityResult], Finding]] = {
    "noise": study.noise,
    "learned": study.learned,
    "similar": study.similar,
    "initialization": partial(study.generalizes, "initialization"),
    "augmentation": partial(study.generalizes, study.AUGMENTATION),
    "batch_norm": partial(study.generalizes, "batch norm"),
}

_OF_DISCUSSION: dict[str, Callable[[Discussion], Finding]] = {
    "far": experiments.far,
    "learned": experiments.learned,
    "unseen": experiments.unseen,
    "concepts": experiments.concepts,
    "today": experiments.today,
}

_NOT_RUN = "Not tested: `negatoscope reproduce discussion` was not run."

_UNTESTED = {
    **dict.fromkeys(("far", "unseen", "concepts", "today"), _NOT_RUN),
    "vicinity": "Not tested: distances between images were not measured.",
    "humans": "Not tested: no person was asked.",
}
