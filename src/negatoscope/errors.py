"""What can go wrong, as one tree.

NegatoscopeError                anything this package raises on purpose
├── InputError (ValueError)     the caller gave something unusable: exit code 2 on the command line
│   ├── SpecError               an unknown name or a malformed spec string
│   ├── RecipeError             a recipe with an impossible value
│   ├── DataError               a data file that is missing, damaged or not what it claims to be
│   │   ├── DataNotFoundError   no copy of a dataset can be had
│   │   └── UndividedError      a split was asked for of data that have none
│   └── OutputError             a result cannot be written where it was asked for
├── StoreError                  a store such as Amazon's S3 cannot be reached, or refuses
├── MissingExtraError           an optional package is not installed or cannot be imported
└── JobsError                   jobs that failed again and again: exit code 1
"""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

PAIR = {"torch": "2.14.1", "torchvision": "0.29.1"}
"""Versions that were made for each other, and that `make test-timm` tests."""

_USE_TORCHVISION = ("hf", "timm")


class NegatoscopeError(Exception):
    """Anything this package raises on purpose; its text is one sentence for the user."""

    exit_code = 2


class InputError(NegatoscopeError, ValueError):
    """The caller gave something unusable."""


class SpecError(InputError):
    """An unknown name or a malformed spec string."""


class RecipeError(InputError):
    """A recipe with an impossible value."""


class DataError(InputError):
    """A data file that is missing, damaged or not what it claims to be."""


class DataNotFoundError(DataError):
    """No copy of a dataset can be had: not in any folder, and not by download."""


class UndividedError(DataError):
    """A split other than "test" was asked for of data that are not divided into splits."""


class OutputError(InputError):
    """A result cannot be written where it was asked for."""


class StoreError(NegatoscopeError):
    """A store cannot be reached or refuses; no fault of an image in it, no image counts as unreadable for it."""


class MissingExtraError(NegatoscopeError):
    """An optional package is not installed or cannot be imported; the text says what to install."""


class JobsError(NegatoscopeError):
    """Some jobs failed again and again; all others are done."""

    exit_code = 1


def expect(holds: object, what: str, got: object, error: type[InputError] = InputError) -> None:
    """Raise an error that says "expected `what`, got `got`", unless `holds` is true."""
    if not holds:
        raise error(f"expected {what}, got {got}")


def needed(module: str, *, extra: str, why: str, names: Iterable[str] = ()) -> ModuleType:
    """A module of a package that is not always there, imported now.

    Args:
        module: What to import.
        extra: The extra of this project that brings it.
        why: What needs it, as the sentence begins.
        names: Of the module, what is used and is imported only then.

    Raises:
        MissingExtraError: It is not installed, or its import fails; the text says what to install.
    """
    package = module.partition(".")[0]
    try:
        imported = importlib.import_module(module)
        for name in names:
            getattr(imported, name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == package:
            raise MissingExtraError(f"{why} needs {module}: {installation(extra)}") from error
        raise _broken(package, extra, why, error) from error
    except Exception as error:  # a package that does not fit another one may fail in any way
        raise _broken(package, extra, why, error) from error
    return imported


def _broken(package: str, extra: str, why: str, error: Exception) -> MissingExtraError:
    failed = f"{type(error).__name__}: {reason(error).rstrip('.')}"
    hint = _pair() if extra in _USE_TORCHVISION else f"{installation(extra)} --force-reinstall"
    return MissingExtraError(f"{why} needs {package}, which is installed but cannot be imported ({failed}); {hint}")


def _pair() -> str:
    """A torch and a torchvision that were made for each other, beside those that are here."""
    from importlib.metadata import distributions

    here = [next((found.version for found in distributions(name=name)), "none") for name in PAIR]
    pinned = " ".join(f"{name}=={version}" for name, version in PAIR.items())
    return f"torch {here[0]} and torchvision {here[1]} are here, a pair that works is: pip install {pinned}"


def installation(extra: str) -> str:
    """The command that installs what an extra brings, wherever this package itself came from."""
    from importlib.metadata import requires  # costs a tenth of the start-up of a command that never fails

    marked = (requirement.partition("; extra == ") for requirement in requires("negatoscope") or [])
    return " ".join(["pip install", *sorted(f"'{text}'" for text, _, name in marked if name.strip("'\"") == extra)])


def suggest(name: str, known: Iterable[str]) -> str:
    """What to say of an unknown name: the nearest of those there are, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"


def reason(error: Exception) -> str:
    """What another library's exception says, on one line and cut where it is long."""
    return " ".join(str(error).split())[:300]


def shown(value: object) -> str:
    """A value as an error shows it, cut where it is long."""
    try:
        return f"{value!r:.80}".replace("\n", " ")
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists
        return f"a huge {type(value).__name__}"
