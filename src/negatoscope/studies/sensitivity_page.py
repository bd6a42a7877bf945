"""The page of a sensitivity study, in plain words; every sentence is made from the numbers."""

from collections.abc import Sequence

from negatoscope.provenance import Provenance
from negatoscope.reports.formatting import (
    MISSING,
    bits,
    counted,
    interval,
    joined,
    measured,
    percent,
    points,
    with_sign,
)
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.paper import SMOKE, dataset_name
from negatoscope.studies.sensitivity_result import (
    ClosestToPaper,
    FactorEffect,
    FactorResult,
    FailedRun,
    LevelResult,
    ProbedNetwork,
    RunsMadeBy,
    SensitivityResult,
    SkippedStudy,
    StudyResult,
)

_FEW_CLASSES = 10

_LEADS = {
    "decides": "What decides it:",
    "does not matter": "What does not matter:",
    "undecided": "Undecided:",
    "not judged": "Not judged, with one run per level:",
    "not compared": "Not compared, as too few runs have a number there:",
}


def sensitivity_page(result: SensitivityResult) -> str:
    """Markdown: a short answer, then each study's factors, how near it comes to the paper, what its networks do."""
    smoke = SMOKE if result.fast else ""
    parts = [f"# Which unstated choices decide a network's accuracy on negatives?{smoke}", _head(result)]
    parts.append("\n".join(f"- {_short_answer(result, study)}" for study in result.studies))
    for study in result.studies:
        factors, closest = result.factors_of(study), result.closest_to_paper.get(study.name)
        parts += [f"## {study_title(study)}", _at_equal(factors, study), _along_training(study)]
        parts += [_closest(closest) if closest else "", _factor_table(study, factors), _combination_table(study)]
        if networks := [network for network in result.probing if network.study == study.name]:
            parts.append(f"### What the networks do with negatives: {study_title(study)}")
            parts += [_probe_table(networks), *_predictions(networks[0])]
    parts += [_missing(result), foot(result.made_by, result.provenance)]
    return "\n\n".join(filter(None, parts)) + "\n"


def study_title(study: StudyResult) -> str:
    """The name of a study in text."""
    kind = f"adversarial training at ε = {study.epsilon:g}" if study.epsilon else "plain training"
    return f"{dataset_name(study.dataset)}, {kind} around {study.around}, {counted(study.recipe.epochs, 'epoch')}"


def _head(result: SensitivityResult) -> str:
    made = runs_made(result.made_runs, result.planned_runs)
    text = (
        f"Made from {made} by `{result.provenance.command}`. Each run changes one choice that Hosseini and Poovendran "
        "(2017, arXiv 1703.06857v1) do not state in a default recipe. All rates are in percent. The method, and the "
        "rule behind the verdicts: docs/sensitivity.md."
    )
    return text + runs_not_made(result.failed, result.not_run)


def runs_made(made: int, planned: int) -> str:
    """How many runs there are, and of how many that are planned."""
    return counted(made, "run") if made == planned else f"{made:,} of {planned:,} planned runs"


def runs_not_made(failed: Sequence[FailedRun], not_run: Sequence[SkippedStudy]) -> str:
    """What could not be trained and what was not run, each with its reason."""
    named = [f"{run.study}, {run.recipe}, seed {run.seed} ({run.reason})" for run in failed]
    text = f" **Not trained: {joined(named)}.**" if named else ""
    return text + "".join(f" **{each.study} was not run: {each.reason}.**" for each in not_run)


def _short_answer(result: SensitivityResult, study: StudyResult) -> str:
    """What the default recipe comes to, beside the paper, and what decides at the end of training."""
    closest, factors = result.closest_to_paper.get(study.name), result.factors_of(study)
    paper = f" (paper: {percent(closest.negative_accuracy, unit=True)})" if closest else ""
    rate = percent(result.default_of(study), decimals=1, unit=True)
    text = f"**{study_title(study)}.** With the default recipe, accuracy on negatives is {rate}{paper}."
    return f"{text} {_verdicts_in_words(factors, factors)}".strip()


def _verdicts_in_words(factors: Sequence[FactorResult], effects: Sequence[FactorEffect]) -> str:
    """Which factors have which verdict, in sentences; the strongest first."""
    pairs = sorted(zip(factors, effects, strict=True), key=lambda pair: -abs(pair[1].effect or 0.0))
    names: dict[str, list[str]] = {verdict: [] for verdict in _LEADS}
    for factor, effect in pairs:
        change = ""
        if effect.verdict == "decides":
            ends = interval(effect.effect_low, effect.effect_high, decimals=1, signed=True)
            change = f" ({str(effect.level).partition(': ')[2]}: {points(effect.effect)} points {ends})"
        names[effect.verdict].append(f"{factor.name}{change}")
    return " ".join(f"{_LEADS[verdict]} {joined(those)}." for verdict, those in names.items() if those)


def _at_equal(factors: Sequence[FactorResult], study: StudyResult) -> str:
    judged = [factor for factor in factors if factor.at_equal_accuracy.verdict != "not judged"]
    if not judged:
        return ""
    verdicts = _verdicts_in_words(judged, [factor.at_equal_accuracy for factor in judged])
    mark = percent(study.decisive_accuracy, decimals=1, unit=True)
    text = f"**Where validation accuracy first reaches {mark}:** {verdicts}"
    vanishing = ("decides", "does not matter")
    if gone := [each.name for each in judged if (each.verdict, each.at_equal_accuracy.verdict) == vanishing]:
        verb = "does" if len(gone) == 1 else "do"
        text += f" So only at the end of training {verb} {joined(gone)} move accuracy on negatives by 5 points or more."
    return text


def _along_training(study: StudyResult) -> str:
    along = study.along_training
    if not along.runs:
        return ""
    low, high, chance = (percent(rate, decimals=1) for rate in (along.lowest, along.highest, study.chance))
    text = (
        f"**Along training:** at the end of the {counted(along.runs, 'run')} without negatives in training, accuracy "
        f"on negatives is {low} to {high} %: above chance ({chance} %) in {along.above_chance}, below it in "
        f"{along.below_chance}."
    )
    if along.swing is not None:
        text += (
            f" In {along.rising} of {along.followed} it is higher at the end than after the first epoch. From one "
            f"epoch to the next it changes by up to {points(along.swing, signed=False)} points (median over runs)."
        )
    if along.rank_correlation is not None:
        text += (
            " Between recipes, its rank correlation with the final validation accuracy is "
            f"{with_sign(along.rank_correlation)}."
        )
    return text


def _closest(closest: ClosestToPaper) -> str:
    end, along, runs = closest.nearest, closest.nearest_along_training, counted(closest.runs, "run")
    pair = f"({percent(closest.test_accuracy)} on test images, {percent(closest.negative_accuracy)} on negatives)"
    nearest = f"({percent(end.accuracy)}, {percent(end.negative_accuracy)}), {end.recipe}, seed {end.seed}"
    text = f"**None of {runs} ends near the pair in the paper's Table I**, {pair}. Nearest: {nearest}."
    if end.is_near:
        text = f"**The pair in the paper's Table I**, {pair}, **was found** among the ends of {runs}: {nearest}."
    if along is None:
        return text
    return (
        f"{text} {'A' if along.is_near else 'No'} run passes near it along training; nearest: "
        f"({percent(along.accuracy)} on validation images, {percent(along.negative_accuracy)}) after "
        f"{along.epoch:g} epochs of {along.recipe}, seed {along.seed}."
    )


def _factor_table(study: StudyResult, factors: Sequence[FactorResult]) -> str:
    """The default, and each other level's accuracies with the verdict on its factor; the strongest factor first."""
    mark = f"Negatives at {100 * study.decisive_accuracy:g}"
    header = ["Factor (default)", "Value", "Seeds", "Test", "Negatives", "95 % interval", mark, "Share", "Verdict"]
    lines = [["default", "", *_rates(factor.levels[0], study), "", ""] for factor in factors[:1]]
    for factor in factors:
        end, equal = factor.verdict, factor.at_equal_accuracy.verdict
        verdict = end if end == equal else f"{end}; at equal accuracy {equal}"
        share = percent(factor.share_of_variance, decimals=1, unit=True, guard=False)
        default, *levels = factor.levels
        for index, level in enumerate(levels):
            name, *conclusion = ("", "", "") if index else (f"{factor.name} ({default.value})", share, verdict)
            lines.append([name, level.value, *_rates(level, study), *conclusion])
    return markdown_table(header, lines)


def _rates(level: LevelResult, study: StudyResult) -> list[str]:
    equal = percent(level.at_equal_accuracy[str(study.decisive_accuracy)], decimals=1)
    if 0 < level.seeds_at_equal_accuracy < level.seeds:
        equal += f" ({counted(level.seeds_at_equal_accuracy, 'seed')})"
    ends = interval(level.low, level.high, decimals=1)
    negatives = percent(level.negative_accuracy, decimals=1)
    return [str(level.seeds), percent(level.test_accuracy), negatives, ends, equal]


def _combination_table(study: StudyResult) -> str:
    if not study.combinations:
        return ""
    rates = ["Training", "Test", "Negatives", "Confidence, training", "Confidence, negatives"]
    lines = [
        [
            each.value,
            str(each.epochs),
            str(each.seeds),
            *map(percent, (each.train_accuracy, each.test_accuracy, each.negative_accuracy)),
            *(percent(rate, decimals=1, guard=False) for rate in (each.confidence_train, each.confidence_negative)),
        ]
        for each in study.combinations
    ]
    return markdown_table(["Several choices at once", "Epochs", "Seeds", *rates], lines)


def _probe_table(networks: Sequence[ProbedNetwork]) -> str:
    columns = ["Accuracy on negatives of test images", "Linear probe of its features", "Of an untrained network's"]
    lines = [
        [
            network.recipe,
            str(network.seed),
            percent(network.path[-1].accuracy, decimals=1),
            *(measured(rate.accuracy, rate.low, rate.high, decimals=1) for rate in vars(network.linear_probe).values()),
        ]
        for network in networks
    ]
    return markdown_table(["Network", "Seed", *columns, "Of pixels"], lines)


def _predictions(network: ProbedNetwork) -> list[str]:
    """Where a network's predictions go, and how they change on the way to the negative."""
    destinations, shares = network.destinations, network.destinations.shares
    most = sorted(range(len(shares)), key=lambda label: -shares[label])[:3]
    rates = [percent(shares[label], decimals=0, unit=True, guard=False) for label in most]
    classes = joined([f"{network.class_names[label]} ({rate})" for label, rate in zip(most, rates, strict=True)])
    on_negatives = percent(network.confidence.negative_train, decimals=1, unit=True)
    on_training = percent(network.confidence.train, decimals=1, unit=True)
    header = ["Accuracy on test images, s =", *(f"{point.strength:g}" for point in network.path)]
    paths = {"x moved by a share s towards 1 - x": network.path, "each pixel flipped with probability s": network.flips}
    rows = [[name, *(percent(point.accuracy, decimals=1) for point in path)] for name, path in paths.items()]
    noise = [f"{percent(point.accuracy, decimals=1, unit=True)} at {point.strength:g}" for point in network.noise]
    return [
        f"The first of these networks classifies negatives mostly as {classes}. Its predictions carry "
        f"{bits(destinations.mutual_information_bits)} of the label's {bits(destinations.label_entropy_bits)} bits; "
        f"with permuted labels, up to {bits(destinations.mutual_information_null_bits)}. Its mean confidence is "
        f"{on_negatives} on negatives and {on_training} on training images.",
        _confusions(network),
        markdown_table(header, rows),
        f"Accuracy under Gaussian noise, by its L2 norm: {', '.join(noise)}.",
    ]


def _confusions(network: ProbedNetwork) -> str:
    """Which class is classified as which: a table where there are few classes, else the most frequent confusions."""
    names, counts = network.class_names, network.destinations.counts
    if counts is None:
        return ""
    totals = [max(1, sum(row)) for row in counts]
    if len(names) <= _FEW_CLASSES:
        lines = [
            [name, *(percent(count / total, decimals=0, guard=False) for count in row)]
            for name, row, total in zip(names, counts, totals, strict=True)
        ]
        return markdown_table(["Negatives of, classified as (%)", *names], lines)
    pairs = [
        (n, label, other) for label, row in enumerate(counts) for other, n in enumerate(row) if n and label != other
    ]
    most = [
        f"{names[label]} as {names[other]} ({percent(n / totals[label], decimals=1, unit=True)})"
        for n, label, other in sorted(pairs, reverse=True)[:5]
    ]
    return f"The most frequent confusions, with their share of the class's negatives: {'; '.join(most)}."


def _missing(result: SensitivityResult) -> str:
    """What the plan has and nobody has run yet."""
    begun = {study.name for study in result.studies}
    missing = [
        f"of {name} {joined(keys)}" if name in begun else f"all of {name}" for name, keys in result.missing.items()
    ]
    return f"Not run yet: {'; '.join(missing)}." if missing else ""


def foot(made_by: Sequence[RunsMadeBy], provenance: Provenance) -> str:
    """What made the runs of a page, and when it was put together."""
    made = [
        f"{counted(each.runs, 'run')} at commit {each.commit or MISSING} with negatoscope {each.negatoscope}, torch "
        f"{each.torch}, {each.hardware}"
        for each in made_by
    ]
    return f"{joined(made)}. Put together on {provenance.created}.".removeprefix(". ")
