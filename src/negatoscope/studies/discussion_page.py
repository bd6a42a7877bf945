"""The page of the discussion's experiments, in plain words; every sentence is made from the numbers."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from negatoscope.reports.formatting import MISSING, counted, joined, percent, points
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.paper import SMOKE, dataset_name
from negatoscope.studies.discussion_result import Discussion, MeanOverSeeds, NumberResult, UnseenResult
from negatoscope.studies.experiments import EXPERIMENTS
from negatoscope.studies.sensitivity_page import foot, runs_made, runs_not_made

_HOURS = 3600

_INTRODUCTION = """\
Hosseini and Poovendran (2017, arXiv 1703.06857v1, sections IV and V) discuss why networks misread negatives: because a
negative is far from its image, because networks memorize, because they learn no concepts. Each experiment puts one of
these to networks. Rates are in percent, of test images; nothing was selected on test images or their negatives. In
brackets stands the 95 % t interval of the mean over seeds. Neither these nor what is counted as better or worse is
corrected for the number of comparisons. What is trained, and how: docs/discussion.md."""


def discussion_page(result: Discussion) -> str:
    """Markdown: for each experiment a sentence for each dataset, the figure and the numbers."""
    made = runs_made(result.made_runs, result.planned_runs)
    parts = [
        f"# The paper's discussion, as experiments{SMOKE if result.fast else ''}",
        _INTRODUCTION,
        f"Made from {made} by `{result.provenance.command}`.{runs_not_made(result.failed, result.not_run)}",
    ]
    for experiment in result.experiments:
        if sentences := discussion_sentences(result, experiment):
            parts += [
                f"## {experiment}. {EXPERIMENTS[experiment]}",
                "\n".join(f"- {sentence}" for sentence in sentences),
                f"![{EXPERIMENTS[experiment]}]({figure_name(experiment)}.png)",
                _TABLES[experiment](result),
            ]
    return "\n\n".join([*parts, *_missing(result), _costs(result), foot(result.made_by, result.provenance)]) + "\n"


def discussion_sentences(result: Discussion, experiment: str) -> list[str]:
    """What an experiment found, a sentence for each dataset where it was run."""
    return [text for dataset in result.datasets for text in _SENTENCES[experiment](result, dataset)]


def figure_name(experiment: str) -> str:
    """The name of an experiment's figure, without what its file ends in."""
    return f"discussion_{experiment}"


def _rate(mean: MeanOverSeeds) -> str:
    return f"{percent(mean.mean, decimals=1, unit=True)} {_ends(mean)}".rstrip()


def _cell(mean: MeanOverSeeds | None) -> str:
    return MISSING if mean is None else f"{percent(mean.mean, decimals=1)} {_ends(mean)}".rstrip()


def _change(mean: MeanOverSeeds) -> str:
    ends = "" if mean.low is None else f" [{points(mean.low)}, {points(mean.high)}]"
    return f"{points(mean.mean)}{ends}"


def _ends(mean: MeanOverSeeds) -> str:
    return "" if mean.low is None or mean.high is None else f"[{100 * mean.low:.1f}, {100 * mean.high:.1f}]"


def _noise_sentence(result: Discussion, dataset: str) -> list[str]:
    every = [each for each in result.noise if each.dataset == dataset]
    if not every:
        return []
    negative, others = every[0], every[1:]
    return [
        f"**{dataset_name(dataset)}**: the negative changes an image by {negative.l2:.1f} (mean L2 norm) and leaves "
        f"{_rate(negative.transformed)} correct, where {_rate(negative.clean)} of clean images are; noise of the same "
        f"size leaves {_rate(negative.noise)}, and {_rate(negative.clipped_noise)} where it is clipped to [0, 1], to a "
        f"size of {negative.clipped_l2:.1f}. Compared with noise of their size, of "
        f"{counted(len(others), 'other transform')}, {_better_and_worse([each.difference for each in others])}."
    ]


def _better_and_worse(differences: Sequence[MeanOverSeeds]) -> str:
    """Under how many transforms the interval of the difference lies above 0 or below."""
    if all(each.low is None for each in differences):
        return "one seed does not decide under which images are classified better or worse"
    signs = [each.sign for each in differences]
    return f"images are classified better under {signs.count(1)} and worse under {signs.count(-1)}"


def _number_sentence(result: Discussion, dataset: str) -> list[str]:
    every = [each for each in result.number if each.dataset == dataset]
    ways = {way: [each for each in every if each.way == way] for way in dict.fromkeys(each.way for each in every)}
    parts = [f"{way}, {_rise(numbers)}" for way, numbers in ways.items() if len(numbers) > 1]
    return [f"**{dataset_name(dataset)}**: {'; '.join(parts)}."] if parts else []


def _rise(numbers: Sequence[NumberResult]) -> str:
    """From no negatives to all, and the least number that half of the way takes."""
    first, last = numbers[0], numbers[-1]
    middle = (first.negative.mean + last.negative.mean) / 2
    half = next(each for each in numbers if each.negative.mean >= middle or each is last)
    rises = last.negative.mean > first.negative.mean
    half_way = f" (half of the way with {half.negatives:,})" if rises else ""
    return (
        f"accuracy on negatives goes from {_rate(first.negative)} to {_rate(last.negative)} with {last.negatives:,} of "
        f"them{half_way}, and on clean images from {_rate(first.clean)} to {_rate(last.clean)}"
    )


def _unseen_sentence(result: Discussion, dataset: str) -> list[str]:
    every = [each for each in result.unseen if each.dataset == dataset]
    parts = []
    for variant in dict.fromkeys(each.variant for each in every):
        same = [each for each in every if each.variant == variant]
        unseen = [each for each in same if not each.is_kin]
        if not unseen:
            continue
        most = max(unseen, key=lambda each: each.difference.mean)
        seen = " ".join(f"(on negatives: {_change(each.difference)} points)" for each in same if each.is_seen)
        gain = f"the largest gain is under {most.transform} ({_change(most.difference)} points)"
        parts.append(
            f"{variant} {seen}: of {counted(len(unseen), 'transform')} that were never seen nor made with a negative, "
            f"{_better_and_worse([each.difference for each in unseen])}; "
            f"{gain if most.difference.mean > 0 else 'none gains'}"
        )
    return [f"**{dataset_name(dataset)}**: {'; '.join(parts)}."] if parts else []


def _transfer_sentence(result: Discussion, dataset: str) -> list[str]:
    parts = [
        f"{each.variant} ({each.shown_classes} of {round(1 / result.chance[dataset])}): of negatives of these "
        f"{_rate(each.shown)} are classified correctly, of the others' {_rate(each.others)}, {_change(each.gain)} "
        f"points compared with networks that saw none; {_rate(each.taken_for_shown)} of them are misclassified as a "
        "class that was shown"
        for each in result.transfer
        if each.dataset == dataset
    ]
    return [f"**{dataset_name(dataset)}**: {'; '.join(parts)}."] if parts else []


def _networks_sentence(result: Discussion, dataset: str) -> list[str]:
    every = [each for each in result.networks if each.dataset == dataset]
    if len(every) < 2:
        return []
    rates = [f"{each.variant} {_rate(each.negative)} (clean {_rate(each.clean)})" for each in every]
    return [
        f"**{dataset_name(dataset)}**: accuracy on negatives: {joined(rates)}; chance is "
        f"{percent(result.chance[dataset], decimals=1, unit=True)}."
    ]


_SENTENCES: Mapping[str, Callable[[Discussion, str], list[str]]] = {
    "a": _noise_sentence,
    "b": _number_sentence,
    "c": _unseen_sentence,
    "d": _transfer_sentence,
    "e": _networks_sentence,
}


def _noise_table(result: Discussion) -> str:
    header = [
        "Dataset",
        "Transform",
        "L2",
        "Accuracy",
        "Noise",
        "Noise, clipped",
        "L2 after clipping",
        "Transform less noise",
    ]
    lines = [
        [
            dataset_name(each.dataset),
            each.transform,
            f"{each.l2:.1f}",
            *map(_cell, (each.transformed, each.noise, each.clipped_noise)),
            f"{each.clipped_l2:.1f}",
            _change(each.difference),
        ]
        for each in result.noise
    ]
    return markdown_table(header, lines)


def _number_table(result: Discussion) -> str:
    lines = [
        [dataset_name(each.dataset), each.way, f"{each.negatives:,}", _cell(each.clean), _cell(each.negative)]
        for each in result.number
    ]
    return markdown_table(["Dataset", "Learned", "Negatives", "Clean", "On negatives"], lines)


def _unseen_table(result: Discussion) -> str:
    def line(each: UnseenResult) -> list[str]:
        transform = f"{each.transform} (seen)" if each.is_seen else each.transform
        rates = [_cell(each.plain), _cell(each.learned), _change(each.difference)]
        return [dataset_name(each.dataset), each.variant, transform, *rates]

    header = ["Dataset", "Learned", "Transform", "Without", "With", "Difference"]
    return markdown_table(header, [line(each) for each in result.unseen])


def _transfer_table(result: Discussion) -> str:
    header = ["Dataset", "Shown", "Classes", "Theirs", "Others'", "None shown", "All shown", "Gain", "Taken for shown"]
    lines = [
        [
            dataset_name(each.dataset),
            each.variant,
            str(each.shown_classes),
            *map(_cell, (each.shown, each.others, each.plain_others, each.all_others)),
            _change(each.gain),
            _cell(each.taken_for_shown),
        ]
        for each in result.transfer
    ]
    return markdown_table(header, lines)


def _networks_table(result: Discussion) -> str:
    lines = [
        [
            dataset_name(each.dataset),
            each.variant,
            f"{each.parameters:,}",
            str(len(each.clean.values)),
            _cell(each.clean),
            _cell(each.negative),
        ]
        for each in result.networks
    ]
    return markdown_table(["Dataset", "Network", "Parameters", "Seeds", "Clean", "On negatives"], lines)


_TABLES: Mapping[str, Callable[[Discussion], str]] = {
    "a": _noise_table,
    "b": _number_table,
    "c": _unseen_table,
    "d": _transfer_table,
    "e": _networks_table,
}


def _missing(result: Discussion) -> list[str]:
    """What the plan has and nobody has run yet."""
    runs: Counter[str] = Counter()
    for each in result.missing:
        runs[dataset_name(each.dataset)] += len(each.seeds)
    missing = joined([f"{counted(number, 'run')} of {dataset}" for dataset, number in runs.items()])
    return [f"Not run yet: {missing}; discussion.json names them."] if missing else []


def _costs(result: Discussion) -> str:
    lines = [
        [f"{each.experiment}. {EXPERIMENTS[each.experiment]}", str(each.runs), f"{each.seconds / _HOURS:.2f}"]
        for each in result.costs
    ]
    table = markdown_table(["Experiment", "Runs", "Hours of training"], lines)
    text = "What it took to train; runs that an experiment shares with one before it count there, those side by side"
    return f"{text} each in full.\n\n{table}"
