"""Which p-values are corrected together: those of one kind of transform, each transform once."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

from negatoscope.auditing.results import PlannedKind
from negatoscope.statistics.paired import holm

Test = TypeVar("Test", bound=Hashable)


def find_repeats(fingerprints: Mapping[str, Hashable], kinds: Mapping[str, PlannedKind]) -> dict[str, str]:
    """Each spec whose predictions are bit for bit those of another one, and that other one.

    The path's end, flips of every pixel and solarization from 0 are the negative; of gray images, turned hues are the
    images themselves. What tells is the predictions: no list of such cases is kept.

    Args:
        fingerprints: By spec, of the predictions.
        kinds: By spec; of those that are the same, a label-preserving one is the first, and the others repeat it.
    """
    first: dict[Hashable, str] = {}
    for spec in sorted(fingerprints, key=lambda spec: kinds[spec] != "label_preserving"):
        first.setdefault(fingerprints[spec], spec)
    return {spec: first[mark] for spec, mark in fingerprints.items() if first[mark] != spec}


def corrected(
    p_values: Mapping[Test, float], *, kinds: Mapping[Test, PlannedKind], repeats: Mapping[Test, Test]
) -> dict[Test, float]:
    """P-values by spec, or by another name of the test, corrected by Holm's method over the tests of a kind, each once.

    Args:
        p_values: By spec.
        kinds: By spec; a test of another kind does not count.
        repeats: What `find_repeats` gives: a repetition does not count, and has the p-value of what it repeats.
    """
    result: dict[Test, float] = {}
    for kind in dict.fromkeys(kinds[spec] for spec in p_values):
        family = {spec: p for spec, p in p_values.items() if kinds[spec] == kind and spec not in repeats}
        result |= zip(family, holm(list(family.values())), strict=True)
    return {spec: result[repeats.get(spec, spec)] for spec in p_values}
