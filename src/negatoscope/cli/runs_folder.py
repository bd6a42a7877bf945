"""The folder that the commands of `reproduce` keep their runs in."""

from pathlib import Path

from negatoscope.cli.options import Context
from negatoscope.errors import OutputError, expect


def runs_folder(context: Context, out: str, *, keeps: tuple[str, ...], dry_run: bool = False) -> Path:
    """What `--out` names, for as long as the command runs; a dry run gets names alone, and writes nothing.

    Args:
        context: Of the command.
        out: A folder or a URL.
        keeps: How the names of files begin that runs go on from.
        dry_run: Whether nothing is to be written.

    Raises:
        OutputError: It holds results of another kind of command, or is being written to.
        StoreError: The store cannot be reached or refuses.
    """
    from negatoscope.result_folder import PLAN, result_folder, result_names

    place = context.with_resource((result_names if dry_run else result_folder)(out, keeps=keeps))
    other = (place / PLAN).exists()
    expect(not other, f"{out} to be empty or to hold runs", "an audit or a search; give another --out", OutputError)
    return place
