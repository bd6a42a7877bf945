"""The usual suspects beside a classifier as it was opened, on the same clean images."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from negatoscope.auditing.results import SIGNIFICANT
from negatoscope.auditing.suspects import Suspect, permuted, usual_suspects
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import predict
from negatoscope.reports.formatting import p_value, percent
from negatoscope.statistics.paired import holm, mcnemar
from negatoscope.types import IndexArray, LabelArray, PixelArray

_FIRST = 100  # images after which a suspect that is worse is tried no further


@dataclass(frozen=True)
class Trial:
    """A suspect and the classifier as it was opened, on the same images.

    Args:
        suspect: What was tried.
        before: Which images are correct as the classifier was opened.
        after: Which are with the suspect.
    """

    suspect: Suspect
    before: Bool[np.ndarray, " n"]
    after: Bool[np.ndarray, " n"]

    @property
    def gain(self) -> float:
        """By how much the accuracy is higher, in [-1, 1]."""
        return float(self.after.mean() - self.before.mean())

    @property
    def p_value(self) -> float:
        """McNemar's exact test of the two."""
        return mcnemar(int((self.before & ~self.after).sum()), int((self.after & ~self.before).sum()))

    def sentence(self, p_holm: float) -> str:
        """What the suspect would change."""
        note = f" ({self.suspect.note})" if self.suspect.note else ""
        before, after = (percent(float(which.mean()), decimals=1, unit=True) for which in (self.before, self.after))
        on = f"on {len(self.after)} images, instead of {before} ({p_value(p_holm, named=True)})"
        return f"with {self.suspect.text}{note} the accuracy is {after} {on}"


def run_trials(
    classifier: ClassifierAdapter, pixels: PixelArray, labels: LabelArray, before: Bool[np.ndarray, " n"]
) -> list[Trial]:
    """Every suspect that the classifier takes.

    Args:
        classifier: As it was opened.
        pixels: Images at the size that it expects.
        labels: Their classes.
        before: Which of them are correct as the classifier was opened.
    """
    trials = []
    for suspect in usual_suspects(classifier.input_spec, pixels):
        try:
            trials.append(_trial(classifier, suspect, pixels, labels, before))
        except Exception:  # the user's own code, given what it does not take, may fail in any way: no suspect then
            continue
    return trials + _permutations(classifier, pixels, labels, before)


def best_trial(trials: list[Trial]) -> tuple[Trial | None, float]:
    """The trial that gains most of those that are better by more than chance, and its p, corrected for all of them."""
    corrected = holm([trial.p_value if trial.gain > 0 else 1.0 for trial in trials])
    better = [(trial, p) for trial, p in zip(trials, corrected, strict=True) if p < SIGNIFICANT]
    return max(better, key=lambda pair: pair[0].gain, default=(None, 1.0))


def spread(n: int, *, limit: int = _FIRST) -> IndexArray:
    """Up to `limit` of n positions, at equal distances."""
    return np.linspace(0, n - 1, min(n, limit)).astype(int)


def _trial(
    classifier: ClassifierAdapter,
    suspect: Suspect,
    pixels: PixelArray,
    labels: LabelArray,
    before: Bool[np.ndarray, " n"],
) -> Trial:
    """On all images, or on the first hundred alone where the suspect is worse there by more than chance."""
    other = replace(classifier, input_spec=suspect.input_spec)
    first = spread(len(labels))
    after = np.zeros_like(before)
    after[first] = predict(other, pixels[first], labels[first], device=other.device).predictions == labels[first]
    begun = Trial(suspect, before[first], after[first])
    if begun.gain < 0 and begun.p_value < SIGNIFICANT:
        return begun
    rest = np.setdiff1d(np.arange(len(labels)), first)
    after[rest] = predict(other, pixels[rest], labels[rest], device=other.device).predictions == labels[rest]
    return Trial(suspect, before, after)


def _permutations(
    classifier: ClassifierAdapter, pixels: PixelArray, labels: LabelArray, before: Bool[np.ndarray, " n"]
) -> list[Trial]:
    """The order of outputs that fits every other image best, tried on the images between, where it is another one.

    Most images of the classes that it moves must be correct with it: it is an order, not a repair.
    """
    input_spec = classifier.input_spec
    every = replace(classifier, input_spec=replace(input_spec, class_map=()))
    outputs = predict(every, pixels, labels, device=classifier.device).predictions
    found = permuted(input_spec, outputs[::2], labels[::2])
    if found is None:
        return []
    suspect, own = found
    other = replace(classifier, input_spec=suspect.input_spec)
    pixels, labels, before = pixels[1::2], labels[1::2], before[1::2]
    after = predict(other, pixels, labels, device=classifier.device).predictions == labels
    moved = np.isin(labels, own)
    return [Trial(suspect, before, after)] if moved.any() and after[moved].mean() > 0.5 else []
