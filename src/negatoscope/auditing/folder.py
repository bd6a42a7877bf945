"""The folder of an audit: its name, and whether it holds nothing, this audit, or another one, which can make room."""

import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from itertools import chain, count
from pathlib import Path

from negatoscope.auditing.plan import PLAN, AuditIdentity, AuditPlan
from negatoscope.auditing.results import SUMMARY
from negatoscope.documents import read_document
from negatoscope.errors import DataError, OutputError, expect, shown
from negatoscope.files import expect_free, remove_all

REPORT = ("report.html", "junit.xml", "failures.csv", "gallery", "figures")
"""What an audit writes for readers, and `no_report` leaves out."""

WRITTEN = (
    *("done.json", SUMMARY, "provenance.json", "parts", "rows.parquet", "images.parquet"),
    *REPORT,
)
"""What an audit writes beside its plan: what `overwrite` removes."""

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


def expect_free_for(out: Path, plan: AuditPlan) -> None:
    """Refuse a folder that is neither empty nor this audit's; nothing is written.

    Raises:
        OutputError: It holds other files or, without `overwrite`, another audit.
        DataError: It holds an audit of an earlier schema, or a damaged one, without `overwrite`.
    """
    if (out / PLAN).is_file():
        others = () if plan.config.overwrite else list(differences(_read_plan(out), plan.identity))
        differing = f"another audit: {'; '.join(others)}; {_AGAIN}, or --overwrite"
        expect(not others, f"{out} to hold this audit or nothing", differing, OutputError)
    else:
        expect_free(out, own=(".lock",), what="an audit")


def remove_other(out: Path, plan: AuditPlan) -> None:
    """Remove what another audit wrote to a folder, if one did; for who holds its lock and may overwrite.

    Raises:
        OutputError: It cannot be removed.
    """
    if (out / PLAN).is_file() and not is_held(out, plan):
        remove_all(out / name for name in WRITTEN)


def is_held(out: Path, plan: AuditPlan) -> bool:
    """Whether a folder holds this audit, finished or not; a damaged plan, or one of an earlier schema, is another's."""
    with suppress(DataError):
        return (out / PLAN).is_file() and _read_plan(out) == plan.identity
    return False


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


def _read_plan(out: Path) -> AuditIdentity:
    return read_document(out / PLAN, AuditIdentity, what="the plan of an audit", make=f"{_AGAIN}, or --overwrite")
