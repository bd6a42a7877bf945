"""The folder of a search: whether it holds nothing, this search, or another one, which can make room."""

from contextlib import suppress
from pathlib import Path

from negatoscope.auditing.folder import differences
from negatoscope.auditing.parts import DONE, PARTS, ROWS
from negatoscope.auditing.plan import PLAN
from negatoscope.documents import read_document
from negatoscope.errors import DataError, OutputError, expect
from negatoscope.files import expect_free, remove_all
from negatoscope.searching.plan import SearchIdentity, SearchPlan
from negatoscope.searching.result import DOCUMENT
from negatoscope.searching.searched import SETTINGS
from negatoscope.searching.smallest_images import SMALLEST

_REPORT = ("report.html", "report.md", "search.csv", "figures")
_WRITTEN = (DONE, DOCUMENT, PARTS, ROWS, SETTINGS, SMALLEST, *_REPORT)
_AGAIN = "give another --out, or --overwrite"


def expect_free_for(out: Path, plan: SearchPlan) -> None:
    """Refuse a folder that is neither empty nor this search's; nothing is written.

    Raises:
        OutputError: It holds other files or, without `overwrite`, another search.
        DataError: It holds the plan of something else, or a damaged one, without `overwrite`.
    """
    held = (out / PLAN).is_file()
    expect_free(out, own=(".lock", *((PLAN, *_WRITTEN) if held else ())), what="a search")
    if not held or plan.config.overwrite:
        return
    others = "; ".join(differences(_read(out), plan.identity))
    expect(not others, f"{out} to hold this search or nothing", f"another search: {others}; {_AGAIN}", OutputError)


def remove_other(out: Path, plan: SearchPlan) -> None:
    """Remove what another search wrote to a folder, if one did; for who holds its lock and may overwrite.

    Raises:
        OutputError: It cannot be removed.
    """
    if (out / PLAN).is_file() and not is_held(out, plan):
        remove_all(out / name for name in _WRITTEN)


def is_held(out: Path, plan: SearchPlan) -> bool:
    """Whether a folder holds this search, finished or not; a damaged plan, or that of an audit, is another's."""
    with suppress(DataError):
        return (out / PLAN).is_file() and _read(out) == plan.identity
    return False


def _read(out: Path) -> SearchIdentity:
    return read_document(out / PLAN, SearchIdentity, what="the plan of a search", make=_AGAIN)
