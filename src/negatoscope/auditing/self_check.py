"""Before an audit: does the classifier know clean images at all, and does another setting suit it better?"""

import math

import numpy as np
import torch

from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.results import SelfCheck
from negatoscope.auditing.trials import Suggestion, best_suggestion, run_trials, spread
from negatoscope.data.batches import Batch, batches
from negatoscope.data.split import stratified_sample
from negatoscope.errors import InputError, expect
from negatoscope.models.adapter import ClassifierAdapter, forward
from negatoscope.models.output_kind import expect_logits
from negatoscope.models.predict import predict, to_images
from negatoscope.reports.formatting import counted, percent
from negatoscope.statistics.intervals import Rate, wilson
from negatoscope.types import LabelArray, PixelArray

_CHECKED, _CHECKED_BYTES = 512, 500_000_000  # images of the self-check, and the memory that large ones take
_HELD_BYTES = 128_000_000
_DECISIVE_GAIN, _DECISIVE_P = 0.1, 1e-6  # of a suspect: so much better that the settings must be wrong


def check_clean(plan: AuditPlan) -> tuple[SelfCheck, list[Batch]]:
    """Whether a classifier knows clean images, on a few hundred of an audit's; and these images, decoded.

    Of large images no more are checked than fit into 500 MB, and no more handed on than fit into 128 MB.

    Raises:
        InputError: The self-check fails; the sentence says what probably is wrong. Or `self_check` says so.
    """
    resize = plan.classifier.input_spec.resize
    most = min(_CHECKED, max(1, _CHECKED_BYTES // math.prod(resize.shape)))
    chosen = stratified_sample(plan.dataset.labels, limit=min(most, len(plan.dataset)), seed=0)
    dataset = plan.dataset.take(chosen, split=plan.dataset.split)
    parts = list(batches(dataset, resize, batch_size=plan.batch_size))
    pixels = np.concatenate([part.pixels for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    sizes = np.cumsum([part.pixels.nbytes for part in parts])
    parts = parts[: int(np.searchsorted(sizes, _HELD_BYTES, side="right"))]
    expect(len(labels), f"images in {plan.dataset.spec}", f"{len(chosen)} of which none can be read")
    expected, suspects = plan.config.expect_accuracy, not plan.config.no_self_check
    checked = self_check(plan.classifier, pixels, labels, expected=expected, suspects=suspects)
    if not checked.passed:
        todo = "correct it, or skip this check with --no-self-check"
        raise InputError(
            f"expected {plan.classifier.name} to classify clean images correctly, but {checked.suggestion}; {todo}"
        )
    return checked, parts


def self_check(
    classifier: ClassifierAdapter,
    pixels: PixelArray,
    labels: LabelArray,
    *,
    expected: float | None = None,
    suspects: bool = True,
) -> SelfCheck:
    """Classify clean images as the classifier was opened and with the usual suspects, and name the one that is better.

    It suggests, and changes nothing. A suspect is better by McNemar's test on the same images, corrected by Holm's
    method for the number of suspects; of several the one that gains most is named. The check fails

    - if that one gains 10 points or more with p below 1e-6,
    - if an accuracy is expected, and the Wilson 95 % interval lies under it,
    - if none is, and the classifier is at chance: the interval reaches down to one in as many as there are classes, or
      all predictions are the same.

    Args:
        classifier: As it was opened.
        pixels: Images at the size that it expects.
        labels: Their classes.
        expected: The accuracy that it is known to have, in [0, 1]; 0 is the same as no suspects.
        suspects: Whether to try any, and whether to fail at all.

    Raises:
        InputError: There are no images, `expected` is outside [0, 1], or the outputs look like probabilities and nobody
            says what they are.
    """
    expect(len(labels), "images for the self-check", "none")
    expect(expected is None or 0 <= expected <= 1, "--expect-accuracy in [0, 1]", expected)
    if classifier.output_assumed:
        _expect_logits(classifier, pixels)
    predictions = predict(classifier, pixels, labels, device=classifier.device).predictions
    rate = Rate.of(predictions == labels)
    if not suspects or expected == 0:
        return SelfCheck(n=rate.n, accuracy=rate.accuracy, passed=True, suggestion="")
    same = len(np.unique(predictions)) == 1 < len(np.unique(labels))
    chance = 1 / classifier.input_spec.data_classes
    at_chance = same or rate.low <= chance
    failed = at_chance if expected is None else rate.high < expected
    trials = run_trials(classifier, pixels, labels, predictions == labels)
    found = best_suggestion(trials)
    suggestion = _suggest(rate, found, expected=expected, failed=failed, chance=chance)
    decisive = found is not None and found.trial.gain >= _DECISIVE_GAIN and found.p_holm < _DECISIVE_P
    passed = not failed and not decisive
    return SelfCheck(n=rate.n, accuracy=rate.accuracy, passed=passed, suggestion=suggestion, suspects=len(trials))


def _expect_logits(classifier: ClassifierAdapter, pixels: PixelArray) -> None:
    few = to_images(torch.from_numpy(pixels[spread(len(pixels))]).to(classifier.device))
    with torch.no_grad():
        outputs = forward(classifier.run, few, input_spec=classifier.input_spec, name=classifier.name)
    expect_logits(outputs, name=classifier.name)


def _suggest(rate: Rate, found: Suggestion | None, *, expected: float | None, failed: bool, chance: float) -> str:
    """What is wrong, and what helps; "" where nothing is."""
    verb = "is" if rate.n == 1 else "are"
    share = f"{percent(rate.accuracy, decimals=1, unit=True)} of {counted(rate.n, 'image')}"
    accuracy = f"{share} {verb} classified correctly"
    missed = failed and expected is not None
    below = f", not the {percent(expected, decimals=1, unit=True)} of --expect-accuracy" if missed else ""
    if found:
        return f"{accuracy}{below}; {found}" if missed else str(found)
    if not failed:
        return ""
    if expected is None and rate.accuracy > chance >= wilson(rate.n, rate.n).low:
        return f"{accuracy}, too few images to tell that from chance ({percent(chance, decimals=1, unit=True)})"
    return (
        f"{accuracy}{below}, and none of the usual suspects clearly helps (range, normalization, channels, layout, "
        "order of classes); are these the images and classes that it was trained for?"
    )
