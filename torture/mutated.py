"""Real files with a change in them: whatever it is, a command uses it or refuses it in one sentence."""

import os
import re
import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from random import Random

from torture.forked import Ended, command, run
from torture.kinds import KINDS, SPECS, Kind
from torture.mutations import Mutation, mutate_bytes, mutate_text
from torture.record import Check
from torture.samples import Samples

AIM = 500
"""Tries of each kind: more than 10,000 in all."""
MAX_SECONDS = 60
MAX_BYTES = 4_000_000_000
NOT_READ = (".html", ".md", ".lock", ".svg", ".xml")


def checks(samples: Samples) -> list[Check]:
    """One for each kind of file, and one for spec strings."""
    each = [Check(f"mutated {name}", AIM, partial(_try_file, samples, kind)) for name, kind in KINDS.items()]
    return [*each, Check("mutated specs", AIM, partial(_try_spec, samples))]


def _try_file(samples: Samples, kind: Kind, choose: Random, place: Path) -> str:
    source, it = samples / kind.source, place / kind.source
    if source.is_dir():
        shutil.copytree(source, it)
        every = sorted(path for path in it.rglob("*") if path.is_file() and path.suffix not in NOT_READ)
        files = [path for path in every if fnmatch(path.relative_to(it).as_posix(), kind.files)]
    else:
        shutil.copy(source, it)
        files = [it]
    file = choose.choice(files)
    file.write_bytes(_mutated(kind.mutation, file.read_bytes(), choose))
    return _tried(choose.choice(kind.commands), samples, place, it=it)


def _mutated(mutation: Mutation, content: bytes, choose: Random) -> bytes:
    """A mutation of a file's form, or of its bytes where a file of the folder has another form."""
    try:
        return mutation(content, choose)
    except Exception:  # of whatever reads the form
        return mutate_bytes(content, choose)


def _try_spec(samples: Samples, choose: Random, place: Path) -> str:
    words = choose.choice(list(SPECS))
    spec = choose.choice(SPECS[words]).format(png=samples / "png")
    for _ in range(choose.choice((1, 1, 2, 3))):
        spec = mutate_text(spec.encode(errors="surrogatepass"), choose).decode(errors="surrogateescape")
    return _tried(words, samples, place, last=[spec.replace("\0", "").replace("/", "")[:5000]])


def _tried(words: str, samples: Samples, place: Path, *, it: Path | str = "", last: Sequence[str] = ()) -> str:
    named = {"it": it, "png": samples / "png", "onnx": samples / "digits.onnx", "audit": samples / "audit"}
    filled = [*(word.format(**named) for word in words.split()), *last]
    os.environ["NEGATOSCOPE_CACHE_DIR"] = str(place / "cache")
    ended = run(command(*filled), place / "here", seconds=MAX_SECONDS)
    wrong = _wrong(ended) or _left(place, ended)
    text = f"{' '.join(filled)}: {wrong}"
    return text.replace(f"{place}/", "").replace(f"{samples.folder}/", "") if wrong else ""


def _wrong(ended: Ended) -> str:
    """What is not as promised in how a command ended."""
    lines = ended.error.splitlines()
    sentences = [line for line in lines if line.startswith("negatoscope: ")]
    if ended.hung:
        return f"hung for {ended.seconds:.0f} s"
    if ended.code not in (0, 1, 2):
        return f"exit code {ended.code}: {' '.join(lines[-1:]):.300}"
    if "Traceback (most" in ended.error + ended.output:
        return f"a traceback: {' '.join(lines[-1:]):.300}"
    if sentences != ((lines[-1:] or [""]) if ended.code == 2 else []):
        return f"exit code {ended.code} without one sentence at the end: {ended.error[-300:]!r}"
    if warning := re.search(r"^.*\.py:\d+: \w*Warning: .*$", ended.error, re.MULTILINE):
        return f"a warning of Python: {warning[0]:.300}"
    return f"{ended.peak_bytes} bytes of memory" if ended.peak_bytes > MAX_BYTES else ""


def _left(place: Path, ended: Ended) -> str:
    """What a command left that it should not: anything after an error, what is not whole after any end."""
    files = [path for path in (place / "here").rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    left = [path for path in files if ended.code == 2 or path.name.endswith(".tmp")]
    outside = (*place.parent.glob("*escaped*"), *place.rglob("*escaped*"), Path("/escaped.png"))
    escaped = [path for path in outside if path.exists()]
    return f"left {min(map(str, left + escaped))} after: {ended.error[-300:]}" if left + escaped else ""
