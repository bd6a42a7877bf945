"""The page of a sensitivity study, in plain words; every sentence is made from the numbers."""

from collections.abc import Sequence
from functools import partial

from negatoscope.documents import Document
from negatoscope.reports.formatting import MISSING, counted, interval, joined, percent
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.names import SMOKE, dataset_name

_FEW_CLASSES = 10

_tenths = partial(percent, decimals=1, guard=False)


def sensitivity_page(result: Document) -> str:
    """Markdown: a short answer, then each study's factors, how near it comes to the paper, what negatives become."""
    fast = SMOKE if result["provenance"]["settings"]["fast"] else ""
    parts = [f"# Which unstated choices decide whether a network reads negatives?{fast}", _head(result)]
    parts.append("\n".join(f"- {short_answer(result, study)}" for study in result["studies"]))
    for study in result["studies"]:
        factors = factors_of(result, study)
        parts += [f"## {study_title(study)}", *conclusions(result, study), factor_table(study, factors)]
        parts += _beside(result, study)
    parts += [*_missing(result), _foot(result)]
    return "\n\n".join(parts) + "\n"


def study_title(study: Document) -> str:
    """How a person calls a study."""
    kind = f"adversarial training at ε = {study['epsilon']:g}" if study["epsilon"] else "plain training"
    return f"{dataset_name(study['dataset'])}, {kind}"


def short_answer(result: Document, study: Document) -> str:
    """One paragraph: what the default reads, beside the paper, and what decides at the end of training."""
    factors, closest = factors_of(result, study), result["closest_to_paper"].get(study["name"])
    beside = f" (paper: {percent(closest['paper']['negative_accuracy'])} %)" if closest else ""
    default = f"The default recipe reads {_tenths(study['default_negative_accuracy'])} % of negatives{beside}."
    return f"**{study_title(study)}.** {default} {_verdicts_in_words(factors, factors)}".strip()


def conclusions(result: Document, study: Document) -> list[str]:
    """What a study says beyond that, a paragraph each: at equal accuracy, along training, against the paper."""
    said = [_at_equal(factors_of(result, study), study), _progress(study)]
    if study["name"] in result["closest_to_paper"]:
        said.append(_closest(result["closest_to_paper"][study["name"]]))
    return list(filter(None, said))


def factor_table(study: Document, factors: Sequence[Document]) -> str:
    """The default, and each other level's accuracies with what its factor comes to; the strongest factor first."""
    mark = f"{100 * study['decisive_accuracy']:g}"
    header = [
        "Factor (default)",
        "Value",
        "Seeds",
        "Test",
        "Negatives",
        "95 % interval",
        f"Negatives at {mark}",
        "Share",
        "Verdict",
    ]
    lines: list[list[str]] = []
    for factor in factors:
        default, *levels = factor["levels"]
        if not lines:
            lines.append(["default", "", *_rates(default, study), "", ""])
        for index, level in enumerate(levels):
            first = index == 0
            name = f"{factor['name']} ({default['value']})" if first else ""
            lines.append([name, level["value"], *_rates(level, study)])
            lines[-1] += [_share(factor), _verdicts(factor)] if first else ["", ""]
    return markdown_table(header, lines)


def factors_of(result: Document, study: Document) -> list[Document]:
    """The factors of a study, the strongest first."""
    factors = [factor for factor in result["factors"] if factor["study"] == study["name"]]
    return sorted(factors, key=lambda factor: -abs(factor["effect"]))


def _rates(level: Document, study: Document) -> list[str]:
    ends = interval(level["low"], level["high"], decimals=1)
    equal = _tenths(level["at_equal_accuracy"][str(study["decisive_accuracy"])])
    partly = 0 < level["seeds_at_equal_accuracy"] < level["seeds"]
    told = f"{equal} ({counted(level['seeds_at_equal_accuracy'], 'seed')})" if partly else equal
    return [str(level["seeds"]), percent(level["test_accuracy"]), _tenths(level["negative_accuracy"]), ends, told]


def _head(result: Document) -> str:
    runs = result["provenance"]["runs"]
    left = "" if runs["made"] == runs["planned"] else f" of {runs['planned']} that are planned"
    failed = [f"{each['study']}, {each['recipe']}, seed {each['seed']} ({each['reason']})" for each in result["failed"]]
    missing = f" **Not trained: {joined(failed)}.**" if failed else ""
    missing += "".join(f" **{each['study']} was not run: {each['reason']}.**" for each in result["not_run"])
    return (
        f"Made from {counted(runs['made'], 'run')}{left} by `{result['provenance']['command']}`. Each run changes one "
        "choice that Hosseini and Poovendran (2017, arXiv 1703.06857v1) do not state, around a default recipe. All "
        f"rates are in percent. How they are made, and the rule that verdicts follow: docs/sensitivity.md.{missing}"
    )


def _verdicts_in_words(factors: Sequence[Document], found: Sequence[Document]) -> str:
    """Which factors have which verdict in `found`, in sentences."""
    told = []
    for verdict, lead in _LEADS.items():
        named = [
            (abs(each["effect"] or 0.0), factor["name"], each)
            for factor, each in zip(factors, found, strict=True)
            if each["verdict"] == verdict
        ]
        named.sort(key=lambda entry: -entry[0])
        names = [
            f"{name} ({_level_of(each)}: {_points(each)})" if verdict == "decides" else name for _, name, each in named
        ]
        told += [f"{lead} {joined(names)}."] if names else []
    return " ".join(told)


_LEADS = {
    "decides": "What decides:",
    "does not matter": "What does not matter:",
    "undecided": "Undecided:",
    "not judged": "Not judged, as one run tells nothing of scatter:",
    "not compared": "Not compared, as runs have no number there:",
}


def _at_equal(factors: Sequence[Document], study: Document) -> str:
    equal = [factor["at_equal_accuracy"] for factor in factors]
    pairs = [(factor["name"], factor["verdict"], each["verdict"]) for factor, each in zip(factors, equal, strict=True)]
    gone = [name for name, end, now in pairs if (end, now) == ("decides", "does not matter")]
    text = f"**Where validation accuracy first comes to {_tenths(study['decisive_accuracy'])} %:** "
    judged = [(factor, now) for factor, now in zip(factors, equal, strict=True) if now["verdict"] != "not judged"]
    if not judged:
        return ""
    text += _verdicts_in_words(*zip(*judged, strict=True))
    if gone:
        text += f" So it is at the end only that {joined(gone)} moved negatives by 5 points or more."
    return text.strip()


def _level_of(effect: Document) -> str:
    return str(effect["level"]).partition(": ")[2]


def _points(effect: Document) -> str:
    ends = f" [{100 * effect['effect_low']:+.1f}, {100 * effect['effect_high']:+.1f}]" if _known(effect) else ""
    return f"{100 * effect['effect']:+.1f} points{ends}"


def _known(effect: Document) -> bool:
    return effect.get("effect_low") is not None


def _progress(study: Document) -> str:
    told = study["progress"]
    if not told["runs"]:
        return ""
    text = (
        f"**Along training:** at the end of the {counted(told['runs'], 'run')} without negatives in training, "
        f"{_tenths(told['lowest'])} to {_tenths(told['highest'])} % of negatives are read: above chance "
        f"({_tenths(study['chance'])} %) in {told['above_chance']}, below it in {told['below_chance']}."
    )
    if told["swing"] is not None:
        text += (
            f" In {told['rising']} of {told['followed']} more are read at the end than after the first epoch. From one "
            f"epoch to the next the number changes by up to {100 * told['swing']:.1f} points (median of the runs)."
        )
    if told["rank_correlation"] is not None:
        text += (
            " Between recipes, the rank correlation of negatives with the final validation accuracy is "
            f"{told['rank_correlation']:+.2f}."
        )
    return text


def _closest(closest: Document) -> str:
    paper, end, along = closest["paper"], closest["nearest"], closest["nearest_along_training"]
    pair = f"({percent(paper['test_accuracy'])} on test images, {percent(paper['negative_accuracy'])} on negatives)"
    count = counted(closest["runs"], "run")
    nearest = (
        f"({percent(end['test_accuracy'])}, {percent(end['negative_accuracy'])}), {end['recipe']}, seed {end['seed']}"
    )
    if closest["found"]:
        text = f"**The pair in the paper's Table I**, {pair}, **was found** among the ends of {count}: {nearest}."
    else:
        text = f"**None of {count} ends near the pair in the paper's Table I**, {pair}. Nearest: {nearest}."
    if along is None:
        return text
    passed = "A run passes by it" if closest["found_along_training"] else "None passes by it"
    return text + (
        f" {passed} along training; nearest: ({percent(along['validation_accuracy'])} on validation images, "
        f"{percent(along['negative_accuracy'])}) after {along['epoch']:g} epochs of {along['recipe']}, seed "
        f"{along['seed']}."
    )


def _share(factor: Document) -> str:
    return percent(factor["share_of_variance"], decimals=1, unit=True, guard=False)


def _verdicts(factor: Document) -> str:
    end, equal = factor["verdict"], factor["at_equal_accuracy"]["verdict"]
    return end if end == equal else f"{end}; at equal accuracy {equal}"


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
            "Confidence, training",
            "Confidence, negatives",
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
        "Negatives of test images read",
        "Linear read-out of its features",
        "Of an untrained network's",
        "Of pixels",
    ]
    lines = []
    for look in looks:
        reads = look["path"][-1]["accuracy"]
        outs = [look["linear_probe"][name] for name in ("features", "untrained_features", "pixels")]
        rates = [f"{_tenths(out['accuracy'])} {interval(out['low'], out['high'], decimals=1)}" for out in outs]
        lines.append([look["recipe"], str(look["seed"]), _tenths(reads), *rates])
    return markdown_table(header, lines)


def _ways(looks: Sequence[Document]) -> list[str]:
    """Of the first network: where its answers go, and how they change on the way to the negative."""
    look = looks[0]
    shares = look["destinations"]["shares"]
    most = sorted(range(len(shares)), key=lambda label: -shares[label])[:3]
    named = joined(
        [f"{look['class_names'][label]} ({percent(shares[label], decimals=0, guard=False)} %)" for label in most]
    )
    bits, null = (look["destinations"][f"mutual_information_{name}"] for name in ("bits", "null_bits"))
    ways = [
        f"In the first of these networks negatives become above all {named}. Answers carry {bits:.2f} of the label's "
        f"{look['destinations']['label_entropy_bits']:.2f} bits; permuted labels give up to {null:.2f}. Confidence is "
        f"{_tenths(look['confidence']['negative'])} % on negatives and {_tenths(look['confidence']['train'])} % on "
        "training images, on average.",
        *_becomes(look),
    ]
    header = ["Accuracy on test images, s =", *(f"{point['share']:g}" for point in look["path"])]
    rows = [
        ["x moved by a share s to 1 - x", *(_tenths(point["accuracy"]) for point in look["path"])],
        ["each pixel flipped with probability s", *(_tenths(point["accuracy"]) for point in look["flips"])],
    ]
    noise = ", ".join(f"{_tenths(point['accuracy'])} % at {point['l2']:g}" for point in look["noise"])
    return [*ways, markdown_table(header, rows), f"Accuracy under Gaussian noise of an L2 norm: {noise}."]


def _becomes(look: Document) -> list[str]:
    """Which class becomes which, as a table where there are few classes, else the most frequent of them."""
    names, counts = look["class_names"], look["destinations"].get("counts")
    if counts is None:
        return []
    totals = [max(1, sum(row)) for row in counts]
    if len(names) <= _FEW_CLASSES:
        header = ["Negatives of, read as (%)", *names]
        rows = zip(names, counts, totals, strict=True)
        lines = [
            [name, *(percent(count / total, decimals=0, guard=False) for count in row)] for name, row, total in rows
        ]
        return [markdown_table(header, lines)]
    pairs = [(counts[label][other], label, other) for label in range(len(names)) for other in range(len(names))]
    most = sorted((pair for pair in pairs if pair[1] != pair[2]), reverse=True)[:5]
    told = [f"{names[label]} → {names[other]} ({_tenths(n / totals[label])} %)" for n, label, other in most if n]
    return [f"The most frequent mistakes, with their share of the class's negatives: {'; '.join(told)}."]


def _missing(result: Document) -> list[str]:
    """What the plan has and nobody has run yet."""
    told = {study["name"] for study in result["studies"]}
    missing = [
        f"of {name} {joined(keys)}" if name in told else f"all of {name}" for name, keys in result["missing"].items()
    ]
    return [f"Not run yet: {'; '.join(missing)}."] if missing else []


def _foot(result: Document) -> str:
    made = [
        f"{counted(each['runs'], 'run')} at commit {each['commit'] or MISSING} with negatoscope {each['negatoscope']}, "
        f"torch {each['torch']}, {each['hardware']}"
        for each in result["provenance"]["made_by"]
    ]
    return f"{joined(made)}. Put together on {result['provenance']['created']}."
