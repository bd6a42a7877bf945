"""One classifier of Table I: trained, and measured on images, negatives and under every attack that takes epsilon."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from negatoscope.attacks import ATTACKS, resolve_attack
from negatoscope.data import Dataset
from negatoscope.hardware import Hardware
from negatoscope.models.checkpoint import save_network
from negatoscope.models.networks import PaperNetwork
from negatoscope.provenance import DataProvenance
from negatoscope.registry import Spec, parse_spec
from negatoscope.reproduce.measure import Columns, Destinations, accuracy_of, confidence_of, destinations_of
from negatoscope.reproduce.paper import EPSILONS
from negatoscope.reproduce.run_data import RunData, few_of
from negatoscope.reproduce.runs import (
    Confidence,
    MadeBy,
    Pass,
    Run,
    RunProgress,
    RunSpec,
    keep_run,
    negatives_of,
    same_samples,
    train_and_measure,
)
from negatoscope.statistics.measured import TrackedRate
from negatoscope.training.loop import MONITORED, Epoch

ATTACKED = 250
"""How many test images are attacked: with more, attacking the plain DNN takes a tenth of its training and more."""

PLAIN_ATTACK_EPSILON = 0.1
"""Of the epsilons that the plain DNN is attacked with, the one that its columns show."""


NEGATIVE_BEFORE = "negative_before_preparation"
"""What rows call negatives that are taken before the preparation."""


@dataclass(frozen=True)
class AttackAccuracies:
    """Accuracy under each attack, by its name, of one epsilon.

    Args:
        epsilon: The largest change of a pixel value, in [0, 1].
        accuracies: The accuracy under each attack.
    """

    epsilon: float
    accuracies: Mapping[str, TrackedRate]


@dataclass(frozen=True, kw_only=True)
class Table1Run(Run):
    """A classifier of Table I.

    Args:
        confidence: The mean confidence of the same predictions.
        destinations: Of the predictions on negatives of training images.
        seconds: How long training took, in seconds.
        validation: Accuracy on validation images.
        negative_test: Accuracy on the negatives of test images.
        negative_train_before: Accuracy on negatives of training images that are taken before the preparation, where the
            data have one and the recipe takes negatives after it.
        attacks: Accuracy on test images under attack, by epsilon: the classifier's own, or for the plain DNN each of
            the paper's.
        majority: The accuracy of always naming the most frequent class of the training images, in (0, 1].
        epochs: How training went.
        weights_sha256: Of `weights.safetensors`.
        made_by: Versions and hardware; None of runs from before they were recorded.
        data: What it was trained and measured on; empty of such runs.
    """

    confidence: Confidence
    destinations: Destinations
    seconds: float
    validation: TrackedRate
    negative_test: TrackedRate
    negative_train_before: TrackedRate | None = None
    attacks: tuple[AttackAccuracies, ...]
    majority: float
    epochs: tuple[Epoch, ...]
    weights_sha256: str
    made_by: MadeBy | None = None
    data: tuple[DataProvenance, ...] = ()

    @property
    def chance(self) -> float:
        """The accuracy of guessing."""
        return 1 / len(self.destinations.shares)

    @property
    def shown_attacks(self) -> AttackAccuracies:
        """Those that the classifier's row shows."""
        return next((group for group in self.attacks if group.epsilon == PLAIN_ATTACK_EPSILON), self.attacks[-1])


def run_table1_classifier(
    spec: RunSpec, data: RunData, *, hardware: Hardware, folder: Path, progress: RunProgress
) -> Table1Run:
    """Train and measure one classifier, resuming where an earlier call was stopped.

    Leaves `weights.safetensors`, `rows.parquet` and, last, `run.json` in `folder`.

    Raises:
        InputError: Training diverges, or the recipe does not fit the data.
        OutputError: `folder` cannot be written or the disk is full.
    """

    def passes(training: Dataset, validation: Dataset, network: PaperNetwork) -> Iterator[Pass]:
        yield from (Pass(images, "clean") for images in (training, validation, data.test))
        yield from (negatives_of(images, data) for images in (training, data.test))
        if data.also_negated:
            yield Pass(same_samples(data.also_negated, training), NEGATIVE_BEFORE)
        attacked = few_of(data.test, 100 if spec.fast else ATTACKED)
        for attack in map(str, attack_specs(spec)):
            yield Pass(attacked, attack, resolve_attack(attack, seed=spec.seed).against(network))

    training, result, columns = train_and_measure(
        spec, data, passes=passes, followed=MONITORED, hardware=hardware, folder=folder, progress=progress
    )
    named = {
        "train": columns["train", "clean"],
        "validation": columns["validation", "clean"],
        "test": columns["test", "clean"],
        "negative_train": columns["train", "negative"],
        "negative_test": columns["test", "negative"],
    }
    facts = {
        "data": training.spec,
        "class_names": training.class_names,
        "recipe": spec.recipe.to_dict(),
        "epsilon": spec.epsilon,
        "seed": spec.seed,
    }
    run = Table1Run(
        dataset=spec.dataset,
        epsilon=spec.epsilon,
        seed=spec.seed,
        recipe=spec.recipe,
        train=accuracy_of(named["train"]),
        validation=accuracy_of(named["validation"]),
        test=accuracy_of(named["test"]),
        negative_train=accuracy_of(named["negative_train"]),
        negative_test=accuracy_of(named["negative_test"]),
        confidence=Confidence(**{name: confidence_of(values) for name, values in named.items()}),
        destinations=destinations_of(named["negative_train"], classes=len(training.class_names)),
        negative_train_before=accuracy_of(columns["train", NEGATIVE_BEFORE]) if data.also_negated else None,
        attacks=_attack_accuracies(columns),
        majority=float(np.bincount(named["train"]["label"]).max() / len(training)),
        epochs=result.history,
        seconds=round(result.seconds, 1),
        weights_sha256=save_network(folder / "weights.safetensors", result.network, facts=facts),
        made_by=MadeBy.now(hardware),
        data=tuple(dataset.provenance for dataset in data.datasets),
    )
    keep_run(folder, run)
    return run


def attack_specs(spec: RunSpec) -> list[Spec]:
    """What a classifier is attacked with: every registered attack that takes an epsilon, in all its steps.

    At the classifier's own epsilon, or for the plain DNN at every one of the paper's.
    """
    specs = []
    for epsilon, name in product((spec.epsilon,) if spec.epsilon else EPSILONS[1:], ATTACKS.names()):
        settings = inspect.signature(ATTACKS.get(name)).parameters
        if "epsilon" in settings:
            steps = {"steps": settings["steps"].default} if "steps" in settings else {}
            specs.append(Spec(name, {"epsilon": epsilon, **steps}))
    return specs


def _attack_accuracies(columns: Mapping[tuple[str, str], Columns]) -> tuple[AttackAccuracies, ...]:
    accuracies: dict[float, dict[str, TrackedRate]] = {}
    for (_, transform), values in columns.items():
        spec = parse_spec(transform)
        if "epsilon" in spec.arguments:
            epsilon = float(str(spec.arguments["epsilon"]))
            accuracies.setdefault(epsilon, {})[spec.name] = accuracy_of(values)
    return tuple(AttackAccuracies(epsilon, accuracies[epsilon]) for epsilon in sorted(accuracies))
