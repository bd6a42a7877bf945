"""The page of a search for the paper's pair, for somebody who has not read the code."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev

from negatoscope.reports.formatting import MISSING, counted, joined, percent, points
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.paper import dataset_name
from negatoscope.statistics.measured import TrackedRate
from negatoscope.studies.match_result import (
    ACCURACY_UNIT,
    FOUND_ACCURACY,
    FOUND_NEGATIVES,
    NEGATIVES_UNIT,
    OPENED,
    Match,
    MatchCandidate,
    MatchSearch,
    OpenedCandidate,
)
from negatoscope.studies.sensitivity_result import FactorResult, SensitivityResult
from negatoscope.training.recipe import Recipe

_MOST = 4
"""Of the five nearest, how many must share a value for the page to say so."""

_INTRODUCTION = """\
# Is there a recipe that reaches both of the paper's numbers?

Made by {commands}. Of everything that the paper does not state, each trial draws a value at once: optimizer, step
size, momentum, batch size, length of training, initialization, padding, pooling, dropout, weight decay, scaling of the
inputs, activation of the convolutions and label smoothing; Optuna draws more often near values that came close. Every
epoch of a run is a candidate. Its distance from the printed pair is counted in units of {accuracy} points of accuracy
and {negatives} points on negatives, on validation images and on negatives of training images; test images are opened
once, at the end, for the {opened} nearest. The pair counts as *found* where {opened} fresh seeds of the nearest average
within {found} and {found_negatives} points of it.

![Every recipe at its nearest epoch, and the printed pair](match.png)"""

_ON_IMPORTANCE = """\
Importance: how much of the variance of the distance goes with a choice, over the trials (fANOVA; mean ± standard
deviation over several forests). It is an association, over recipes that the search preferred, and no effect of the
choice. Beside it, where that was studied: what changing that choice alone does to accuracy on negatives, in points."""

_FACTORS = {
    "step": "step size",
    "epochs": "amount of training",
    "conv_activation": "activation of the convolutions",
    "dropout_pool": "dropout",
    "dropout_first": "dropout",
    "dropout_second": "dropout",
}
"""What the study of one choice at a time calls a choice, where that differs in more than spaces."""

_NAMES = {
    "step": "step size",
    "epochs": "length of training",
    "conv_activation": "activation of the convolutions",
    "pool_size": "size of the pool",
    "dropout_pool": "dropout after the pool",
    "dropout_first": "dropout after the first hidden layer",
    "dropout_second": "dropout after the second hidden layer",
}

_OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adadelta": "Adadelta"}

_VALUES: Mapping[str, Callable[[Recipe], str]] = {
    "optimizer": lambda recipe: "Nesterov's SGD" if recipe.nesterov else _OPTIMIZERS[recipe.optimizer],
    "batches": lambda recipe: f"batches of {recipe.batch_size}",
    "weight decay": lambda recipe: (
        f"weight decay {recipe.weight_decay:g}" if recipe.weight_decay else "no weight decay"
    ),
    "label smoothing": lambda recipe: (
        f"labels smoothed by {recipe.label_smoothing:g}" if recipe.label_smoothing else "no label smoothing"
    ),
    "initialization": lambda recipe: f"initialization {recipe.network.initialization}",
    "padding": lambda recipe: f"padding {recipe.network.padding}",
    "pool": lambda recipe: f"a pool of {recipe.network.pool_size}",
    "activation": lambda recipe: f"{recipe.network.conv_activation} convolutions",
    "scaling": lambda recipe: f"input scaling {recipe.network.input_scaling}",
    "dropout": lambda recipe: "dropout" if _dropout(recipe) else "no dropout",
}
"""What two recipes may have in common, in words."""


def match_page(result: Match, sensitivity: SensitivityResult | None = None) -> str:
    """Markdown: for each dataset whether the pair was found or how near, the nearest, and which choices go with it.

    Args:
        result: What `reproduce match` found.
        sensitivity: What `reproduce sensitivity` found, where that is at hand.
    """
    made = {search.dataset: search.provenance or result.provenance for search in result.searches}
    parts = [
        _INTRODUCTION.format(
            commands=joined([f"`{text}`" for text in dict.fromkeys(facts.command for facts in made.values())]),
            accuracy=f"{100 * ACCURACY_UNIT:g}",
            negatives=f"{100 * NEGATIVES_UNIT:g}",
            opened=OPENED,
            found=f"{100 * FOUND_ACCURACY:g}",
            found_negatives=f"{100 * FOUND_NEGATIVES:g}",
        )
    ]
    for search in result.searches:
        parts += [f"## {dataset_name(search.dataset)}", answer(search), _nearest(search), common(search)]
        parts += [_importance(search, _effects(search, sensitivity))]
    searched = [
        f"{dataset_name(dataset)}: searched by negatoscope {facts.negatoscope}, commit {facts.commit or MISSING}, "
        f"{facts.hardware}, {facts.created}."
        for dataset, facts in made.items()
    ]
    return "\n\n".join([*parts, _ON_IMPORTANCE, *searched]) + "\n"


def answer(search: MatchSearch) -> str:
    """Whether the pair was found, or how near the nearest comes, in a sentence or two."""
    fresh = [run for run in search.opened if run.seed < OPENED]
    test, negatives = _spread([run.test for run in fresh]), _spread([run.negative_train for run in fresh])
    nearest = search.nearest
    away = [
        points(ours - paper)
        for ours, paper in (
            (nearest.test_accuracy, search.paper_test_accuracy),
            (nearest.negative_accuracy, search.paper_negative_accuracy),
        )
    ]
    diverged = f" ({search.diverged} more diverged)" if search.diverged else ""
    return (
        f"**{'Found' if search.found else 'Not found'}**, of {counted(search.trials, 'recipe')}{diverged}. The "
        f"nearest, trained afresh with {counted(len(fresh), 'seed')} for {counted(nearest.recipe.epochs, 'epoch')}, "
        f"classifies {test} % of test images and {negatives} % of negatives correctly (mean ± standard deviation), "
        f"{away[0]} and {away[1]} points from the {percent(search.paper_test_accuracy)} and "
        f"{percent(search.paper_negative_accuracy)} % that the paper prints."
    )


def common(search: MatchSearch) -> str:
    """What most of the nearest recipes share, beside how many of all do, in words."""
    nearest, every = [[c.recipe for c in cs] for cs in (search.candidates[:OPENED], search.candidates)]
    shared = []
    for value in _VALUES.values():
        values = [value(recipe) for recipe in nearest]
        most = max(dict.fromkeys(values), key=values.count)
        if values.count(most) >= _MOST:
            of_all = sum(value(recipe) == most for recipe in every)
            shared.append(f"{most} ({values.count(most)} of {len(nearest)}; of all {of_all} of {len(every)})")
    epochs = sorted(recipe.epochs for recipe in nearest)
    accuracies = sorted(candidate.validation_accuracy for candidate in search.candidates[:OPENED])
    ends = " to ".join(dict.fromkeys(percent(end) for end in (accuracies[0], accuracies[-1])))
    return (
        f"What the {len(nearest)} nearest have in common: {joined(shared) or 'no value that most of them share'}. They "
        f"are {_range(epochs)} epochs into training and classify {ends} % of validation images correctly."
    )


def _nearest(search: MatchSearch) -> str:
    opened = {run.trial: run for run in search.opened if run.seed >= OPENED}
    header = ["Trial", "Recipe", "Epochs", "Validation", "Negatives", "Distance", "Test", "Negatives, run again"]
    lines = [_line(candidate, opened.get(candidate.trial)) for candidate in search.candidates[:OPENED]]
    return markdown_table(header, lines)


def _line(candidate: MatchCandidate, opened: OpenedCandidate | None) -> list[str]:
    return [
        str(candidate.trial),
        recipe_in_words(candidate.recipe),
        str(candidate.recipe.epochs),
        percent(candidate.validation_accuracy),
        percent(candidate.negative_accuracy),
        f"{candidate.distance:.1f}",
        percent(opened.test.accuracy) if opened else MISSING,
        percent(opened.negative_train.accuracy) if opened else MISSING,
    ]


def recipe_in_words(recipe: Recipe) -> str:
    """What sets a recipe of the search apart from others."""
    words = [f"{_VALUES['optimizer'](recipe)} {recipe.learning_rate:.2g}"]
    words += [f"momentum {recipe.momentum:g}"] if recipe.optimizer == "sgd" else []
    words += [value(recipe) for name, value in _VALUES.items() if name not in ("optimizer", "dropout")]
    words += [f"dropout {' / '.join(f'{rate:g}' for rate in _dropout(recipe))}" if _dropout(recipe) else "no dropout"]
    return ", ".join(word for word in words if not word.startswith("no ") or word == "no dropout")


def _dropout(recipe: Recipe) -> tuple[float, ...]:
    network = recipe.network
    rates = network.dropout_pool, network.dropout_first, network.dropout_second
    return rates if any(rates) else ()


def _effects(search: MatchSearch, sensitivity: SensitivityResult | None) -> dict[str, FactorResult]:
    """By the study's name of a factor; around the plain reading where that was studied."""
    factors = [] if sensitivity is None else [each for each in sensitivity.factors if each.dataset == search.dataset]
    plain = {factor.name: factor for factor in factors if factor.study == f"{search.dataset}_plain"}
    return plain or {factor.name: factor for factor in factors if not factor.epsilon}


def _importance(search: MatchSearch, effects: Mapping[str, FactorResult]) -> str:
    header = ["Choice", "Importance, %", *(["Alone, points on negatives", "Verdict"] if effects else [])]
    lines = []
    for name, importance in search.importance.items():
        line = [_NAMES.get(name, name.replace("_", " ")), f"{100 * importance.mean:.1f} ± {100 * importance.std:.1f}"]
        factor = effects.get(_FACTORS.get(name, name.replace("_", " ")))
        if effects:
            level = str(factor.level).partition(": ")[2] if factor and factor.level else ""
            line += [f"{points(factor.effect)} ({level})", factor.verdict] if factor and level else [MISSING, MISSING]
        lines.append(line)
    return markdown_table(header, lines)


def _spread(rates: Sequence[TrackedRate]) -> str:
    values = [rate.accuracy for rate in rates]
    spread = f" ± {percent(stdev(values), guard=False)}" if len(values) > 1 else ""
    return f"{percent(fmean(values))}{spread}"


def _range(numbers: Sequence[int]) -> str:
    return f"{numbers[0]}" if numbers[0] == numbers[-1] else f"{numbers[0]} to {numbers[-1]}"
