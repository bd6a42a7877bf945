"""The page of the sequel, for somebody who has not read the code."""

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

from negatoscope.reports.formatting import MISSING, counted, joined, measured, percent
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.paper import dataset_name
from negatoscope.studies.sequel_result import (
    PAPER_ACCURACY,
    PAPER_MODEL,
    PAPER_TRIALS,
    ModelGroup,
    Sequel,
    SequelModel,
    ShiftedRates,
    group_models,
)

_INTRODUCTION = """\
# The sequel: images in other colors

Made by {commands}. Hosseini and Poovendran 2018 (arXiv 1804.00499) turn all hues of an image by an angle that is drawn
from the whole circle, and move its saturation by an amount that is drawn from within ±i/N at trial i of N; value, the
third number of HSV, stays. One pair of numbers is drawn for an image at a time, and the first that is misclassified
ends it. *Under attack* an image counts as correct if it is correct clean and in no trial misclassified. The authors'
headline, {paper} of {model} after {trials}, counts in that way, so images that were misclassified clean lower it, too.
*Fooled* does not: it is the share of images that were correct before and are misclassified in some trial."""

_METHOD = """\
## How to read this

- What is found is the worst of so many draws: more trials find more, and an image that nothing fooled is not proven
  safe.
- At trial i saturation moves by i/N at most: the first trials turn hues and do little else, and what is lost late is
  lost to saturation.
- Gray pixels have no hue; HSV gives them 0, red. So a saturation that is moved up tints white and gray with the hue
  that the image is turned by.
- A class keeps its meaning if somebody who sees the image in any of these colors would still name it and no other.
- Intervals are 95 %, of images; of several seeds ± is the standard deviation over them.

`negatoscope search MODEL --data DATA --space color_shift --strategy widening --feedback labels --budget 1001` does the
same search for any model, on classes that keep their label, with a report of its own."""


def sequel_page(result: Sequel) -> str:
    """The whole page."""
    groups = group_models(result.models)
    commands = joined([f"`{text}`" for text in dict.fromkeys(model.provenance.command for model in result.models)])
    paper = percent(PAPER_ACCURACY, decimals=1, unit=True)
    facts = {"paper": paper, "model": PAPER_MODEL.partition(",")[0], "trials": counted(PAPER_TRIALS, "trial")}
    parts = [_INTRODUCTION.format(commands=commands, **facts)]
    parts += [answer(group) for group in groups]
    parts += [f"**{model.name}**: {text}." for model in result.models for text in model.warnings]
    parts += [_table(groups), "![Accuracy against trials](sequel.png)"]
    parts += [_pictures(place, group) for place, group in enumerate(groups, start=1) if group.cases]
    parts += dict.fromkeys(text for group in groups if (text := lost_classes(group.models[0])))
    parts += [text for group in groups if (text := _classes(group))]
    return "\n\n".join([*parts, _METHOD]) + "\n"


def answer(group: ModelGroup) -> str:
    """What became of a group of classifiers, in a sentence or two."""
    rates = [model.images for model in group.models]
    trials = counted(group.models[0].trials, "trial")
    sentences = [
        f"**{_heading(group)}**: of {rates[0].n:,} images {_clean(rates)} % are classified correctly, and "
        f"{_under_attack(rates)} % still after {trials}; {_fooled(rates)} % of those that were correct are fooled."
    ]
    if kept := _kept(group):
        share = f"{_kept_classes(group.models[0])} of {len(group.models[0].per_class)}"
        sentences.append(
            f"Of the {share} classes that keep their meaning in any color {_clean(kept)} % are classified correctly, "
            f"and {_under_attack(kept)} % after the trials; {_fooled(kept)} % are fooled."
        )
    return " ".join(sentences)


def lost_classes(model: SequelModel) -> str:
    """Which classes do not keep their label under every shift; "" where all do, or nobody said so."""
    lost = [each.name for each in model.per_class if each.preserved is False]
    if not lost:
        return ""
    reason = _REASONS.get(model.dataset.partition("(")[0], "")
    return (
        f"**Which classes keep their meaning.** {reason}Those that do not, and are left out where it says so: "
        f"{joined(lost)}. The rules are those of every audit, `transforms/label_preserving.toml`."
    )


_REASONS = {
    "gtsrb": "Shape and pictogram define most signs, whatever their color. But a ring or a filled disc forbids in red "
    "and commands in blue, and strong saturation makes white as red as a red bar or a red car on it. ",
}


def _table(groups: Sequence[ModelGroup]) -> str:
    header = ["Classifier", "Images", "Classes", "Clean, %", "Under attack, %", "Fooled, %", "Median trials"]
    lines = []
    for group in groups:
        first, kept = group.models[0], _kept(group)
        name = f"{group.name}, {dataset_name(first.dataset)}"
        lines.append([name, *_cells([model.images for model in group.models], str(len(first.per_class)))])
        if kept:
            lines.append(["the same, classes that keep their meaning", *_cells(kept, _kept_classes(first))])
    lines.append([PAPER_MODEL, "10,000", "10", MISSING, percent(PAPER_ACCURACY, decimals=1), MISSING, MISSING])
    return markdown_table(header, lines)


def _cells(rates: Sequence[ShiftedRates], classes: str) -> list[str]:
    medians = [each.first_errors.median for each in rates if each.first_errors.median is not None]
    median = f"{fmean(medians) - 1:.0f}" if medians else MISSING
    return [f"{rates[0].n:,}", classes, _clean(rates), _under_attack(rates), _fooled(rates), median]


def _pictures(place: int, group: ModelGroup) -> str:
    what = f"Images of {group.models[0].name}, those that took the fewest trials"
    return f"{what}:\n\n![{what}](pictures-{place}.png)"


def _classes(group: ModelGroup) -> str:
    """A line for each class, the means over the group's seeds; those most fooled first."""
    lines = sorted(_class_lines(group), key=lambda line: -line[1])
    kept = any(each.preserved is not None for each in group.models[0].per_class)
    header = ["Class", "Images", *(["Keeps its meaning"] if kept else []), "Clean, %", "Under attack, %", "Fooled, %"]
    title = f"## {_heading(group)}, by class"
    return f"{title}\n\n{markdown_table(header, [cells for cells, _ in lines])}"


def _class_lines(group: ModelGroup) -> Iterator[tuple[list[str], float]]:
    for first in group.models[0].per_class:
        same = [each for model in group.models for each in model.per_class if each.label == first.label]
        kept = [] if first.preserved is None else ["yes" if first.preserved else "no"]
        success = [each.attack_success_rate for each in same if each.attack_success_rate is not None]
        clean, after = fmean(each.clean_accuracy for each in same), fmean(each.accuracy_under_attack for each in same)
        fooled = fmean(success) if success else None
        cells = [percent(rate, decimals=1) for rate in (clean, after, fooled)]
        yield [first.name, f"{first.n:,}", *kept, *cells], fooled or 0.0


def _kept_classes(model: SequelModel) -> str:
    return str(sum(bool(each.preserved) for each in model.per_class))


def _kept(group: ModelGroup) -> list[ShiftedRates]:
    """Over classes that keep their label, where some do not."""
    all_kept = all(each.preserved for each in group.models[0].per_class)
    return [] if all_kept else [model.preserved for model in group.models if model.preserved is not None]


def _clean(rates: Sequence[ShiftedRates]) -> str:
    return _over_seeds([(each.clean.accuracy, each.clean.low, each.clean.high) for each in rates])


def _under_attack(rates: Sequence[ShiftedRates]) -> str:
    return _over_seeds([(each.under_attack.accuracy, each.under_attack.low, each.under_attack.high) for each in rates])


def _fooled(rates: Sequence[ShiftedRates]) -> str:
    ends = [(each.attack_success_rate, each.attack_success_low, each.attack_success_high) for each in rates]
    known = ((rate, low, high) for rate, low, high in ends if rate is not None and low is not None and high is not None)
    return _over_seeds(list(known))


def _over_seeds(rates: Sequence[tuple[float, float, float]]) -> str:
    """Mean and deviation of several, or one with its interval."""
    if not rates:
        return MISSING
    if len(rates) == 1:
        return measured(*rates[0], decimals=1)
    values = [rate for rate, _, _ in rates]
    return f"{percent(fmean(values), decimals=1)} ± {percent(stdev(values), decimals=1, guard=False)}"


def _heading(group: ModelGroup) -> str:
    """Its name at the beginning of a sentence; a file keeps its own."""
    return group.name if group.models[0].recipe is None else group.name[:1].upper() + group.name[1:]
