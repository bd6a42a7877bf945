"""The verdict on a claim: by dataset and recipe, with the numbers that it follows from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from negatoscope.reproduce.table1_document import MINIMUM_RUNS
from negatoscope.statistics.verdicts import standing

ClaimVerdict = Literal["holds", "holds in part", "does not hold", "undecided", "not tested"]


@dataclass(frozen=True)
class Judgement:
    """What the runs of one recipe on one dataset say of a claim.

    Args:
        dataset: Its name.
        recipe: Its name, or a study's center.
        seeds: How many runs it was judged on; 0 where it takes none.
        numbers: What came out.
        verdict: By the rule.
    """

    dataset: str
    recipe: str
    seeds: int
    numbers: str
    verdict: ClaimVerdict


@dataclass(frozen=True)
class Finding:
    """What our runs say of a claim.

    Args:
        test: What was done, and the rule, in a sentence or two; why not, where it was not tested.
        judgements: By dataset and recipe; none where it was not tested or nothing was run.
    """

    test: str
    judgements: tuple[Judgement, ...] = ()


def joint(findings: Sequence[Finding]) -> Finding:
    """Several findings on one claim as one: every test, every judgement."""
    return Finding(
        " ".join(each.test for each in findings), tuple(each for found in findings for each in found.judgements)
    )


def beyond(values: Sequence[float], threshold: float) -> ClaimVerdict:
    """Whether the mean of runs is above a threshold, by its 95 % t interval; undecided under three runs."""
    lies = standing(values, threshold, minimum_runs=MINIMUM_RUNS)
    return "holds" if lies == "above" else "does not hold" if lies == "below" else "undecided"


def negated(verdict: ClaimVerdict) -> ClaimVerdict:
    """The verdict on the opposite."""
    opposites: dict[ClaimVerdict, ClaimVerdict] = {"holds": "does not hold", "does not hold": "holds"}
    return opposites.get(verdict, verdict)


def together(verdicts: Sequence[ClaimVerdict]) -> ClaimVerdict:
    """One verdict on several networks: in part where it differs, undecided where what is undecided could make it so."""
    decided = set(verdicts) - {"undecided"}
    if len(decided) > 1:
        return "holds in part"
    return "undecided" if "undecided" in verdicts or not decided else decided.pop()
