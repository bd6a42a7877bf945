"""``python -m torture [CHECK ...] [--tries N] [--seed S] [--out FOLDER]``: try what is promised, again and again."""

import argparse
import fnmatch
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes in: a process that has threads is not safely forked

from rich.console import Console

from negatoscope.errors import InputError
from torture import clusters, forked, full, fuzzed, killed, mutated, samples, together
from torture.record import Check, Record, Tried, take_turns

console = Console(highlight=False, soft_wrap=True)


def main(arguments: list[str]) -> int:
    """Go on with the checks that are named, or all; 1 if a try of them has failed, 2 for a wrong name or seed."""
    options = _read(arguments)
    end = time.monotonic() + 60 * options.minutes
    with _working_folder() as folder:
        os.environ.pop("NEGATOSCOPE_DATA_DIR", None)  # a recipe without data would train on all of a dataset
        os.environ["NEGATOSCOPE_CACHE_DIR"] = str(folder / "cache")
        made, record = samples.Samples(folder / "samples"), Record(options.out)
        known = all_checks(made)
        chosen = [check for check in known if _is_named(check.name, options.checks)]
        if not chosen:
            names = ", ".join(check.name for check in known)
            console.print(f"expected checks of {names}, got {', '.join(options.checks)}", markup=False)
            return 2
        samples.make(made)
        forked.import_what_is_used(samples.usual_commands(made), folder / "imports")
        samples.results(made)
        how = {"seed": options.seed, "tries": options.tries, "again": options.again}
        try:
            take_turns(chosen, record, folder / "tries", **how, goes_on=lambda: time.monotonic() < end)
        except InputError as error:
            console.print(str(error), markup=False)
            return 2
        for check in chosen:
            _print(record.read()[check.name])
        return int(any(record.read()[check.name].failed for check in chosen))


def all_checks(made: samples.Samples) -> list[Check]:
    """Every check, on these samples."""
    modules = (mutated, killed, full, together, clusters, fuzzed)
    return [check for module in modules for check in module.checks(made)]


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help="a name such as 'mutated onnx', or 'mutated *'")
    parser.add_argument("--tries", type=int, help="of each check, in all; by default as many as it aims at")
    parser.add_argument("--seed", type=int, default=0, help="decides every random choice")
    parser.add_argument("--out", type=Path, default=Path("results/torture"), help="the folder of torture.json")
    parser.add_argument("--again", action="store_true", help="only repeat the tries that failed")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no try after so long")
    return parser.parse_args(arguments)


@contextmanager
def _working_folder() -> Iterator[Path]:
    """A folder that is removed in the end, but for the tries that failed."""
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    try:
        yield folder
    finally:
        tries = folder / "tries"
        if tries.is_dir() and any(tries.iterdir()):
            console.print(f"the files of what failed are in {tries}", markup=False)
        for path in folder.iterdir():
            if path.is_file():
                path.unlink()
            elif path != tries or not any(tries.iterdir()):
                shutil.rmtree(path)
        with suppress(OSError):  # where tries are left
            folder.rmdir()


def _is_named(name: str, patterns: list[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _print(tried: Tried) -> None:
    console.print(f"{tried.name}: {tried.failed} of {tried.tried} failed, {tried.seconds:.0f} s", markup=False)
    for number, what in tried.failures.items():
        console.print(f"  {number}: {what}", markup=False, style="red")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
