"""Claims that the discussion's experiments can be asked about, network by network."""

from statistics import fmean

from negatoscope.reports.formatting import percent, points
from negatoscope.reproduce.table1_document import MINIMUM_RUNS
from negatoscope.studies.claims_finding import ClaimVerdict, Finding, Judgement, negated
from negatoscope.studies.discussion_plan import load_plan
from negatoscope.studies.discussion_result import Discussion, MeanOverSeeds
from negatoscope.studies.sensitivity_effects import MATTERS

HALF = 0.5


def far(discussion: Discussion) -> Finding:
    """Whether it is the distance alone: whether noise of the same size is misread as much."""
    judgements = []
    for each in discussion.noise:
        if each.transform == "negative":
            noise = f"noise {_rate(each.noise)}, L2 {each.l2:.1f}"
            clipped = f"clipped {_rate(each.clipped_noise)}, L2 {each.clipped_l2:.1f}"
            numbers = f"{_rate(each.transformed)}; {noise}; {clipped}"
            verdict = _above(each.difference, -MATTERS)
            judgements.append(_judgement(each.dataset, discussion.recipe, each.difference, numbers, verdict))
    return Finding(
        "Accuracy on negatives of test images less that under Gaussian noise of the same L2 norm, image by image: the "
        "distance alone explains it if noise is not read better by 5 points or more. Cut off at 0 and 1, as images "
        "are, the noise is smaller.",
        tuple(judgements),
    )


def learned(discussion: Discussion) -> Finding:
    """Whether networks that are shown all negatives read them."""
    judgements = []
    # Whoever was shown all was shown more than the plan has a number for; where these runs are not there, nothing is.
    numbered = max(each.negatives for each in load_plan().variants if each.negatives != "all")
    plain = {each.dataset: each.clean for each in discussion.number if each.negatives == 0}
    for each in (each for each in discussion.number if each.negatives > numbered):
        before = plain[each.dataset]
        gap = MeanOverSeeds.difference(each.negative.values, before.values[: len(each.negative.values)])
        numbers = f"{_rate(each.negative)}; clean {_rate(each.clean)}, without negatives {_rate(before)}"
        recipe = f"{discussion.recipe}, {each.way}, {each.negatives:,} negatives"
        judgements.append(_judgement(each.dataset, recipe, gap, numbers, _above(gap, -MATTERS)))
    return Finding(
        "All negatives shown beside images, or fine-tuned on: accuracy on negatives of test images is less than 5 "
        "points below that of networks that saw none on the images.",
        tuple(judgements),
    )


def unseen(discussion: Discussion) -> Finding:
    """Whether learning negatives leaves other transforms alone."""
    judgements = []
    for dataset, variant in dict.fromkeys((each.dataset, each.variant) for each in discussion.unseen):
        alike = [each for each in discussion.unseen if (each.dataset, each.variant) == (dataset, variant)]
        others = [each for each in alike if not each.is_kin and each.plain.mean <= 1 - MATTERS]
        if not others:
            continue
        gains = zip(*(each.difference.values for each in others), strict=True)
        gain = MeanOverSeeds.of([fmean(of_seed) for of_seed in gains], signed=True)
        numbers = "; ".join(f"{each.transform}: {points(each.difference.mean)}" for each in others)
        verdict = negated(_above(gain, MATTERS))
        judgements.append(_judgement(dataset, f"{discussion.recipe}, {variant}", gain, numbers, verdict))
    return Finding(
        "What learning negatives adds to accuracy under transforms that were never seen and are not made with the "
        "negative, in points: less than 5 in the mean over those that leave room for it, under which networks that "
        "learned none classify at most 95 %.",
        tuple(judgements),
    )


def concepts(discussion: Discussion) -> Finding:
    """Whether negatives of classes are misread whose negatives were not shown."""
    judgements = [
        _judgement(
            each.dataset,
            f"{discussion.recipe}, {each.variant}",
            each.others,
            f"shown {_rate(each.shown)}; others {_rate(each.others)}; others, none shown {_rate(each.plain_others)}",
            negated(_above(each.others, HALF)),
        )
        for each in discussion.transfer
    ]
    return Finding(
        "Networks that are shown negatives of some classes: accuracy on the other classes' negatives is below half.",
        tuple(judgements),
    )


def today(discussion: Discussion) -> Finding:
    """Whether networks of today misread negatives; those that were trained on some do not say that."""
    shown = {each.name for each in load_plan().variants if each.rand_augment == "with the negative"}
    judgements = [
        _judgement(
            each.dataset,
            each.variant,
            each.negative,
            f"{_rate(each.negative)}; clean {_rate(each.clean)}",
            "not tested" if each.variant in shown else negated(_above(each.negative, HALF)),
        )
        for each in discussion.networks
        if each.variant != "plain"
    ]
    return Finding(
        "Networks of today that were not trained on negatives: accuracy on negatives of test images is below half.",
        tuple(judgements),
    )


def _above(mean: MeanOverSeeds, threshold: float) -> ClaimVerdict:
    """Whether a mean over seeds is above a threshold, by its interval; undecided under three seeds."""
    if mean.low is None or mean.high is None or len(mean.values) < MINIMUM_RUNS:
        return "undecided"
    return "holds" if mean.low > threshold else "does not hold" if mean.high < threshold else "undecided"


def _judgement(dataset: str, recipe: str, mean: MeanOverSeeds, numbers: str, verdict: ClaimVerdict) -> Judgement:
    return Judgement(dataset, recipe, len(mean.values), numbers, verdict)


def _rate(mean: MeanOverSeeds) -> str:
    return percent(mean.mean, decimals=1, unit=True)
