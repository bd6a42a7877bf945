"""The page of a sensitivity study, in plain words; every sentence is made from the numbers."""

from collections.abc import Sequence

from negatoscope.reports.markdown import markdown_table
from negatoscope.reports.sections import MISSING, SMOKE, Document, counted, dataset_name, interval, joined, percent

_FEW_CLASSES = 10
VERDICTS = ("decides", "does not matter", "undecided", "not compared")


def sensitivity_page(result: Document) -> str:
    """Markdown: for each study what decides, its factors, how near it comes to the paper, and what negatives become."""
    fast = SMOKE if result["provenance"]["settings"]["fast"] else ""
    parts = [f"# Which unstated choices decide whether a network reads negatives?{fast}", _head(result)]
    for study in result["studies"]:
        factors = [factor for factor in result["factors"] if factor["study"] == study["name"]]
        parts += [f"## {study_title(study)}", *conclusions(result, study["name"]), factor_table(factors)]
        parts += _beside(result, study)
    parts.append(_foot(result))
    return "\n\n".join(parts) + "\n"


def study_title(study: Document) -> str:
    """How a person calls a study."""
    kind = f"adversarial training at ε = {study['epsilon']:g}" if study["epsilon"] else "plain training"
    return f"{dataset_name(study['dataset'])}, {kind}"


def conclusions(result: Document, name: str) -> list[str]:
    """What a study says, a paragraph each: at the end, at equal accuracy, against chance, against the paper."""
    study = next(each for each in result["studies"] if each["name"] == name)
    factors = [factor for factor in result["factors"] if factor["study"] == name]
    said = [_at_end(factors), _at_equal(factors, study), _progress(study)]
    if name in result["closest_to_paper"]:
        said.append(_closest(result["closest_to_paper"][name]))
    return list(filter(None, said))


def factor_table(factors: Sequence[Document]) -> str:
    """Each level's accuracies, and what its factor comes to."""
    header = ["Factor", "Value", "Seeds", "Test", "Negatives", "95 % interval", "At equal accuracy", "Share", "Verdict"]
    lines = []
    for factor in sorted(factors, key=lambda each: -abs(each["effect"])):
        for index, level in enumerate(factor["levels"]):
            first = index == 0
            lines.append(
                [
                    factor["name"] if first else "",
                    f"{level['value']} (default)" if first else level["value"],
                    str(level["seeds"]),
                    percent(level["test_accuracy"]),
                    _tenths(level["negative_accuracy"]),
                    interval(level["low"], level["high"], decimals=1),
                    _tenths(_equal(level, factor)),
                    _share(factor) if first else "",
                    _verdicts(factor) if first else "",
                ]
            )
    return markdown_table(header, lines)


def _head(result: Document) -> str:
    runs = result["provenance"]["runs"]
    left = "" if runs["made"] == runs["planned"] else f" of {runs['planned']} that are planned"
    failed = [f"{each['study']}, {each['recipe']}, seed {each['seed']} ({each['reason']})" for each in result["failed"]]
    missing = f" **Not trained: {joined(failed)}.**" if failed else ""
    missing += "".join(f" **{each['study']} was not run: {each['reason']}.**" for each in result["not_run"])
    return (
        f"Made from {counted(runs['made'], 'run')}{left} by `{result['provenance']['command']}`. Each run changes one "
        "choice that Hosseini and Poovendran (2017, arXiv 1703.06857v1) do not state, around a default recipe. How the "
        f"numbers are made, and the rule that was written before the runs: docs/sensitivity.md.{missing}"
    )


def _at_end(factors: Sequence[Document]) -> str:
    return (
        f"**After equal training**, {_counts(factors, [each['verdict'] for each in factors])} "
        f"{_named('What decides', factors, factors)}"
    ).strip()


def _at_equal(factors: Sequence[Document], study: Document) -> str:
    equal = [factor["at_equal_accuracy"] for factor in factors]
    text = (
        f"**At equal validation accuracy ({_tenths(study['decisive_accuracy'])} %)**, "
        f"{_counts(factors, [each['verdict'] for each in equal])} {_named('What decides', factors, equal)}"
    )
    pairs = [(factor["name"], factor["verdict"], each["verdict"]) for factor, each in zip(factors, equal, strict=True)]
    gone = [name for name, end, now in pairs if (end, now) == ("decides", "does not matter")]
    if gone:
        text += f" What decides at the end only through how far training has come: {joined(gone)}."
    return text.strip()


def _counts(factors: Sequence[Document], verdicts: Sequence[str]) -> str:
    counts = {verdict: sum(each == verdict for each in verdicts) for verdict in VERDICTS}
    text = (
        f"of {counted(len(factors), 'factor')} {counts['decides']} decide how many negatives are read, "
        f"{counts['does not matter']} do not matter, and {counts['undecided']} are undecided"
    )
    left = counts["not compared"]
    return text + (f"; {left} could not be compared, as runs did not pass that accuracy." if left else ".")


def _named(lead: str, factors: Sequence[Document], found: Sequence[Document]) -> str:
    told = [
        (abs(each["effect"]), f"{factor['name']} ({_level_of(each)}: {_points(each)})")
        for factor, each in zip(factors, found, strict=True)
        if each["verdict"] == "decides"
    ]
    return f"{lead}: {joined([text for _, text in sorted(told, reverse=True)])}." if told else ""


def _level_of(effect: Document) -> str:
    return str(effect["level"]).partition(": ")[2]


def _points(effect: Document) -> str:
    ends = f" [{100 * effect['effect_low']:+.1f}, {100 * effect['effect_high']:+.1f}]" if _known(effect) else ""
    return f"{100 * effect['effect']:+.1f} points{ends}"


def _known(effect: Document) -> bool:
    return effect.get("effect_low") is not None


def _progress(study: Document) -> str:
    told = study["progress"]
    text = (
        f"Over the {counted(told['runs'], 'run')} without negatives in training, accuracy on negatives goes from "
        f"{_tenths(told['lowest'])} to {_tenths(told['highest'])} %: above chance ({_tenths(study['chance'])} %) in "
        f"{told['above_chance']}, below "
        f"it in {told['below_chance']}. It is higher at the end of training than at the first measurement in "
        f"{told['rising']} of them."
    )
    if told["rank_correlation"] is not None:
        text += (
            " Between recipes, its rank correlation with the final validation accuracy is "
            f"{told['rank_correlation']:+.2f}."
        )
    return text


def _closest(closest: Document) -> str:
    paper, end, along = closest["paper"], closest["nearest"], closest["nearest_along_training"]
    pair = f"({percent(paper['test_accuracy'])}, {percent(paper['negative_accuracy'])})"
    found = "was found" if closest["found"] else "was **not** found"
    text = (
        f"The paper's pair {pair} (Table I) {found} at the end of any of {counted(closest['runs'], 'run')}. Nearest: "
        f"({percent(end['test_accuracy'])}, {percent(end['negative_accuracy'])}), {end['recipe']}, seed {end['seed']}."
    )
    if along is None:
        return text
    reached = "is passed" if closest["found_along_training"] else "is not passed either"
    return text + (
        f" Along training it {reached}: nearest after {along['epoch']:g} epochs of {along['recipe']}, seed "
        f"{along['seed']}, ({percent(along['validation_accuracy'])} on validation images, "
        f"{percent(along['negative_accuracy'])})."
    )


def _equal(level: Document, factor: Document) -> float | None:
    found: float | None = level["at_equal_accuracy"][str(factor["at_equal_accuracy"]["validation_accuracy"])]
    return found


def _share(factor: Document) -> str:
    share = factor["share_of_variance"]
    return MISSING if share is None else f"{100 * share:.0f} %"


def _verdicts(factor: Document) -> str:
    end, equal = factor["verdict"], factor["at_equal_accuracy"]["verdict"]
    return end if end == equal else f"{end}; at equal accuracy {equal}"


def _tenths(rate: float | None) -> str:
    return percent(rate, decimals=1)


def _beside(result: Document, study: Document) -> list[str]:
    parts = []
    if study["also"]:
        header = [
            "Several choices at once",
            "Epochs",
            "Seeds",
            "Training",
            "Test",
            "Negatives",
            "Confidence",
            "On negatives",
        ]
        lines = [
            [
                each["value"],
                str(each["epochs"]),
                str(each["seeds"]),
                *(percent(each[f"{name}_accuracy"]) for name in ("train", "test", "negative")),
                *(_tenths(each[f"confidence_{name}"]) for name in ("train", "negative")),
            ]
            for each in study["also"]
        ]
        parts.append(markdown_table(header, lines))
    looks = [each for each in result["looking"] if each["study"] == study["name"]]
    if looks:
        parts += [
            f"### What the networks do with negatives: {study_title(study)}",
            _read_out_table(looks),
            *_ways(looks),
        ]
    return parts


def _read_out_table(looks: Sequence[Document]) -> str:
    header = [
        "Network",
        "Seed",
        "It reads",
        "Linear read-out of its features",
        "Of an untrained network's",
        "Of pixels",
    ]
    lines = []
    for look in looks:
        reads = look["path"][-1]["accuracy"]
        outs = [look["read_out"][name] for name in ("features", "untrained_features", "pixels")]
        rates = [f"{_tenths(out['accuracy'])} {interval(out['low'], out['high'], decimals=1)}" for out in outs]
        lines.append([look["recipe"], str(look["seed"]), _tenths(reads), *rates])
    return markdown_table(header, lines)


def _ways(looks: Sequence[Document]) -> list[str]:
    """Of the first network: where its answers go, and how they change on the way to the negative."""
    look = looks[0]
    shares = look["destinations"]["shares"]
    most = sorted(range(len(shares)), key=lambda label: -shares[label])[:3]
    named = joined([f"{look['class_names'][label]} ({percent(shares[label], decimals=0)} %)" for label in most])
    bits, null = (look["destinations"][f"mutual_information_{name}"] for name in ("bits", "null_bits"))
    ways = [
        f"Negatives become above all {named} in the first of these networks. Its answers carry {bits:.2f} bits of the "
        f"label; permuted labels give {null:.2f}. Mean confidence is {_tenths(look['confidence']['negative'])} % on "
        f"negatives, {_tenths(look['confidence']['train'])} % on training images.",
        *_becomes(look),
    ]
    header = ["Share or probability", *(f"{point['share']:g}" for point in look["path"])]
    rows = [
        ["straight to the negative", *(_tenths(point["accuracy"]) for point in look["path"])],
        ["pixels flipped at random", *(_tenths(point["accuracy"]) for point in look["flips"])],
    ]
    noise = ", ".join(f"{point['l2']:g}: {_tenths(point['accuracy'])} %" for point in look["noise"])
    return [*ways, markdown_table(header, rows), f"Under random noise of an L2 size (test images): {noise}."]


def _becomes(look: Document) -> list[str]:
    """Which class becomes which, as a table where there are few classes, else the most frequent of them."""
    names, counts = look["class_names"], look["destinations"].get("counts")
    if counts is None:
        return []
    totals = [max(1, sum(row)) for row in counts]
    if len(names) <= _FEW_CLASSES:
        header = ["Negatives of, read as (%)", *names]
        rows = zip(names, counts, totals, strict=True)
        lines = [[name, *(percent(count / total, decimals=0) for count in row)] for name, row, total in rows]
        return [markdown_table(header, lines)]
    pairs = [(counts[label][other], label, other) for label in range(len(names)) for other in range(len(names))]
    most = sorted((pair for pair in pairs if pair[1] != pair[2]), reverse=True)[:5]
    told = [f"{names[label]} → {names[other]} ({_tenths(n / totals[label])} %)" for n, label, other in most if n]
    return [f"The most frequent mistakes, with their share of the class's negatives: {'; '.join(told)}."]


def _foot(result: Document) -> str:
    made = [
        f"{counted(each['runs'], 'run')} at commit {each['commit'] or MISSING} with negatoscope {each['negatoscope']}, "
        f"torch {each['torch']}, {each['hardware']}"
        for each in result["provenance"]["made_by"]
    ]
    return f"{joined(made)}. Put together on {result['provenance']['created']}."
