"""`negatoscope data`: which data files are here, whether they are intact, and how to get or remove them."""

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from negatoscope.cli.help import Command, CommandGroup
from negatoscope.cli.options import DataDir, flag
from negatoscope.cli.tables import print_table
from negatoscope.errors import DataError

if TYPE_CHECKING:
    from negatoscope.data.manage import Entry, Verified

app = typer.Typer(
    cls=CommandGroup, no_args_is_help=True, help="List, fetch and verify data files, and clean the cache."
)


@app.command("list", cls=Command, epilog="Example:  negatoscope data list --data-dir ~/datasets")
def list_datasets(data_dir: DataDir = None) -> None:
    """Show every dataset: its license and size, where a copy is, and whether that is the official one."""
    from rich.filesize import decimal

    from negatoscope.data.manage import list_datasets as listed

    entries = listed(data_dir=data_dir)
    columns = ("dataset", "license", "size", "copy", "in")
    states = {"folder": "yours: folder:PATH"}
    rows = [
        (e.name, e.license, decimal(e.size_bytes) if e.size_bytes else "", states.get(e.name, e.state), e.origin)
        for e in entries
    ]
    print_table(columns, rows)
    for entry in entries:
        _print_entry(entry)


@app.command(cls=Command, epilog="Example:  negatoscope data fetch mnist gtsrb")
def fetch(
    datasets: Annotated[list[str], typer.Argument(help="Names, such as mnist.")], data_dir: DataDir = None
) -> None:
    """Download datasets into the cache, verified, unless there is a copy; a damaged one in the cache is repaired."""
    from negatoscope.data.manage import fetch as fetched

    for name in datasets:
        entry, downloaded = fetched(name, data_dir=data_dir)
        typer.echo(f"{name}: {'downloaded' if downloaded else 'already there'}, {entry.state}, in {entry.folder}")


@app.command(cls=Command, epilog="Example:  negatoscope data verify gtsrb --data-dir ~/datasets")
def verify(
    datasets: Annotated[list[str] | None, typer.Argument(help="Names, such as mnist; all where none is given.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Check every file that is here: its checksum, its structure, and each member of a zip.

    An intact file that is not the published one is an unofficial copy, which is no failure. Exit code 2: a file fails.
    """
    from negatoscope.data.manage import verify as verified

    rows = verified(datasets or (), data_dir=data_dir)
    if not rows:
        typer.echo("No data files are here; start with: negatoscope data fetch mnist")
        return
    for (dataset, origin, folder), files in groupby(rows, lambda row: (row.dataset, row.origin, row.path.parent)):
        typer.echo(f"{dataset}: {origin}, {folder}")
        for file in files:
            typer.echo(f"  {file.path.name:<32}{_state(file)}")
    for row in rows:
        if not row.official and not row.problem:
            typer.echo(f"unofficial copy: {row.path.name}\n  sha256 {row.sha256}")
    problems = [row.problem for row in rows if row.problem]
    if len(problems) == 1:
        raise DataError(problems[0])
    for problem in problems:
        typer.echo(f"invalid: {problem}")
    if problems:
        raise DataError(
            f"expected valid files, got {len(problems)} invalid or missing ones, listed above; fetch them again"
        )


@app.command(cls=Command, epilog="Example:  negatoscope data clean --downloads")
def clean(
    downloads: Annotated[bool, flag("--downloads", "Remove downloaded files, too.")] = False,
) -> None:
    """Remove prepared arrays, copies of models in stores and what interrupted runs left in the cache."""
    from rich.filesize import decimal

    from negatoscope.cache import cache_folder
    from negatoscope.data.manage import clean as cleaned
    from negatoscope.reports.formatting import counted

    done = cleaned(downloads=downloads)
    size = f"{decimal(done.size_bytes)} ({done.size_bytes} bytes)"
    typer.echo(f"removed: {size} in {counted(len(done.removed), 'item')} of {cache_folder()}")
    for folder in done.in_use:
        typer.echo(f"left, because another process uses it: {folder.name}")


def _state(row: "Verified") -> str:
    if row.problem:
        return "invalid" if row.sha256 else "missing"
    return "official" if row.official else "unofficial copy"


def _print_entry(entry: "Entry") -> None:
    """What the table has no room for: the title, the folder, what is missing, and each unofficial file's sha256."""
    typer.echo(f"\n{entry.name}: {entry.title}")
    if entry.folder is not None:
        typer.echo(f"  in {entry.folder}")
        for name in entry.missing:
            typer.echo(f"  missing: {name}")
    for file in entry.files:
        if not file.official:
            state = "damaged" if entry.state == "damaged" else "unofficial copy"
            typer.echo(f"  {state}: {file.name}\n  sha256 {file.sha256}")
