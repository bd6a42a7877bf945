"""``python -m docs_site [--out FOLDER] [--external]``: build the site, or list the links that lead out of it."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from docs_site.site import build
from negatoscope.files import writing_folder

TOP = Path(__file__).parents[1]
console = Console(highlight=False, markup=False, soft_wrap=True)


def main(arguments: list[str]) -> int:
    """Write the site; 1 if anything in it is wrong, each in a sentence, and then nothing is written; 2 without room."""
    parser = argparse.ArgumentParser(prog="python -m docs_site", description=__doc__)
    parser.add_argument("--out", type=Path, default=TOP / "build" / "site", help="a folder that is new or empty")
    parser.add_argument("--external", action="store_true", help="list what pages link to elsewhere; write nothing")
    options = parser.parse_args(arguments)
    site = build(TOP)
    for problem in site.problems:
        console.print(problem)
    if site.problems:
        return 1
    if options.external:
        for source, address in site.external:
            console.print(f"{source}: {address}")
        return 0
    if options.out.exists() and any(options.out.iterdir()):
        console.print(f"expected {options.out} to be new or empty, got one with files; remove it")
        return 2
    with writing_folder(options.out) as folder:
        for name, content in site.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    size = sum(map(len, site.files.values())) / 1e6
    console.print(f"wrote {len(site.files)} files, {size:.1f} MB; open {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
