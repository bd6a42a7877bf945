"""Checks of arguments, with errors that all read alike."""

import numpy as np

from negatoscope.errors import InputError


def expect(holds: bool | np.bool_, name: str, rule: str, value: object) -> None:
    """Refuse a value that does not follow a rule.

    Raises:
        InputError: It does not hold.
    """
    if not holds:
        raise InputError(f"expected {name} {rule}, got {value}")


def expect_share(name: str, value: float) -> None:
    """Refuse what does not lie between 0 and 1.

    Raises:
        InputError: It does not.
    """
    expect(0 < value < 1, name, "between 0 and 1", value)
