"""What may be asked for, checked before anything that is slow to load."""

from collections.abc import Collection, Sequence

from negatoscope.errors import expect, suggest


def expect_epsilons(epsilons: Sequence[float]) -> None:
    """Check the epsilons of a table or a figure.

    Raises:
        InputError: There is none, one is not in [0, 1], or one comes twice.
    """
    expect(epsilons, "at least one number in --epsilons", "none")
    for epsilon in epsilons:
        expect(0.0 <= epsilon <= 1.0, "--epsilons in [0, 1] (pixels are in [0, 1])", epsilon)
    expect_no_repetition("--epsilons", epsilons)


def expect_seeds(seeds: int) -> None:
    """Check how many runs are asked for.

    Raises:
        InputError: There is none.
    """
    expect(seeds >= 1, "--seeds of at least 1", seeds)


def expect_known(option: str, names: Sequence[str], known: Collection[str]) -> None:
    """Check names that an option gives.

    Raises:
        InputError: One is unknown; the nearest is suggested.
    """
    for name in names:
        expect(name in known, f"known names in {option}", f"{name!r}; {suggest(name, dict.fromkeys(known))}")


def expect_no_repetition(name: str, values: Sequence[object]) -> None:
    """Check that no value comes twice.

    Raises:
        InputError: One does.
    """
    expect(len(set(values)) == len(values), f"{name} without repetition", ", ".join(map(str, values)))
