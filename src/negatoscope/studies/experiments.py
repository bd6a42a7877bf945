"""The questions that the paper's discussion raises."""

from collections.abc import Mapping, Sequence

from negatoscope.reproduce.checks import expect_known

EXPERIMENTS: Mapping[str, str] = {
    "a": "Is it the size of the change?",
    "b": "How many negatives does it take?",
    "c": "Does learning negatives help on transforms never seen?",
    "d": "Is the concept learned, or the classes?",
    "e": "Do today's networks recognize negatives?",
}
"""Each experiment with its question."""


def choose_experiments(names: Sequence[str]) -> tuple[str, ...]:
    """The experiments of these names in their order; all where none is named.

    Raises:
        InputError: A name is unknown.
    """
    expect_known("--experiments", names, list(EXPERIMENTS))
    return tuple(name for name in EXPERIMENTS if not names or name in names)
