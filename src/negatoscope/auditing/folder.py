"""The folder of an audit or a search: whether it holds nothing, this one, or another one, which can make room."""

import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from negatoscope.auditing.plan import PLAN
from negatoscope.documents import read_document
from negatoscope.errors import DataError, OutputError, expect, shown
from negatoscope.files import expect_free, remove_all

_AGAIN = "give another --out"
_NAMED = 3  # transforms that a sentence names at most
_WORDS = {
    "classifier": "the model's weights differ",
    "images": "the images differ",
    "fit": "the fit images differ",
    "decoding": "images are decoded differently now",
}


def folders_of(out: Path, names: Sequence[str]) -> list[Path]:
    """Where the audits of several models go: a folder in `out` for each, of the model's name.

    Raises:
        OutputError: `out` holds an audit itself.
    """
    expect(
        not (out / PLAN).exists(), f"{out} to hold the audits of several models", f"one audit; {_AGAIN}", OutputError
    )
    chosen: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "_", name).strip(".")[:100] or "model"
        numbered = (f"{plain}-{number}" for number in count(2))
        chosen.append(next(each for each in chain([plain], numbered) if each not in chosen))
    return [out / name for name in chosen]


@runtime_checkable
class Planned(Protocol):
    """The plan of an audit or of a search, which write to folders of the same kind."""

    noun: ClassVar[str]
    written: ClassVar[tuple[str, ...]]

    @property
    def identity(self) -> Any:
        """What decides what it finds: `plan.json`."""

    @property
    def config(self) -> Any:
        """The user's settings, `overwrite` among them."""


def expect_free_for(out: Path, plan: Planned) -> None:
    """Refuse a folder that is neither empty nor that of this plan; nothing is written.

    Raises:
        OutputError: It holds other files or, without `overwrite`, another plan of the kind.
        DataError: It holds a plan of another kind or of an earlier schema, or a damaged one, without `overwrite`.
    """
    held, noun = (out / PLAN).is_file(), plan.noun
    if held and not plan.config.overwrite:
        others = "; ".join(differences(_read_plan(out, plan), plan.identity))
        differing = f"another {noun}: {others}; {_AGAIN}, or --overwrite"
        expect(not others, f"{out} to hold this {noun} or nothing", differing, OutputError)
    elif not held or _plan_in(out, plan) is None:
        own = (".lock", *((PLAN, *plan.written) if held else ()))
        try:
            expect_free(out, own=own, what=_one(plan))
        except OutputError:
            if held or not (out / PLAN).is_file():
                raise
            expect_free_for(out, plan)  # another process has begun to write there meanwhile


def remove_other(out: Path, plan: Planned) -> None:
    """Remove what another plan wrote to a folder, if one did; for who holds its lock and may overwrite.

    Raises:
        OutputError: It cannot be removed.
    """
    if (out / PLAN).is_file() and not is_held(out, plan):
        remove_all(out / name for name in plan.written)


def is_held(out: Path, plan: Planned) -> bool:
    """Whether a folder holds what is planned, finished or not; a damaged plan is another's."""
    return bool(_plan_in(out, plan) == plan.identity)


def expect_same(planned: object, opened: object) -> None:
    """Hold what a worker opened to what was planned, by their identities.

    Raises:
        InputError: They differ.
    """
    others = "; ".join(differences(planned, opened)).replace(" there", " in the plan")
    expect(not others, "a worker to open what is planned", f"something else on {platform.node()}: {others}; correct it")


def differences(held: object, planned: object) -> Iterator[str]:
    """In what two audits' identities, or parts of them, differ: a few words for each field."""
    for name, value in vars(planned).items():
        other = getattr(held, name)
        if other == value:
            continue
        if is_dataclass(value):
            yield from differences(other, value)
        elif name == "transforms":
            yield f"transforms differ ({_only(other, value)})"
        else:
            yield _WORDS.get(name, f"{name.replace('_', ' ')} is {shown(other)} there, {shown(value)} here")


def _only(held: Sequence[str], planned: Sequence[str]) -> str:
    """Which transforms only one of two audits has."""
    sides = {
        "only there": [spec for spec in held if spec not in planned],
        "only here": [spec for spec in planned if spec not in held],
    }
    texts = [
        f"{', '.join(specs[:_NAMED])}{f' and {more} more' if (more := len(specs) - _NAMED) > 0 else ''} {side}"
        for side, specs in sides.items()
        if specs
    ]
    return "; ".join(texts) or "another order"


def _plan_in(out: Path, plan: Planned) -> Any:
    """The plan of the kind that a folder holds, None where there is none, or none that can be read."""
    with suppress(DataError):
        return _read_plan(out, plan)
    return None


def _read_plan(out: Path, plan: Planned) -> Any:
    make = f"{_AGAIN}, or --overwrite"
    return read_document(out / PLAN, type(plan.identity), what=f"the plan of {_one(plan)}", make=make)


def _one(plan: Planned) -> str:
    return f"{'an' if plan.noun[0] in 'aeiou' else 'a'} {plan.noun}"
