"""Commands that are disturbed, and what they come to when they are left alone, byte for byte."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torture.forked import Body, Ended, command, run
from torture.samples import Samples

COMMANDS = {
    "training": "reproduce table1 --fast --recipe {recipe} --epsilons 0.0 --out out",
    "audit": "audit {onnx} --data {png} --suite none --transform negative --out out",
    "search": "search {onnx} --data {png} --space gamma(exponent=0.5..2) --budget 4 --out out",
    "study": "reproduce sensitivity --fast --plan {plan} --seeds 1 --out out",
    "harden": "harden {onnx} --fit {png} --data {png} --invariant negative --method average --suite none --out out",
    "discussion": "reproduce discussion --fast --plan {discussion} --experiments b --seeds 1 --out out",
    "sequel": "reproduce sequel --recipe {color_recipe} --seeds 1 --trials 3 --limit 10 --out out",
    "preparation": "verify {onnx} --data mnist_sample:test --invariant negative --limit 20",
}
QUICK = ("audit", "search", "preparation")
"""Those of them that take a second or two."""

TIMED = {
    "*.json": re.compile(rb'^.*"(seconds\w*|milliseconds\w*|ratio|slowdown|inference_cost)": .*$', re.MULTILINE),
    "table1.csv": re.compile(rb",[^,\n]*$", re.MULTILINE),  # the last column
    "table1.md": re.compile(rb"[\d,]+ seconds in all"),
    "discussion.md": re.compile(rb"^(\| [a-e]\. .*\| +\d+ \|) .* \|$", re.MULTILINE),  # hours of training
}
"""What says how long something took, by files' names."""
TIMED_PAGES = {"harden": ("out/report.html", "out/report.md")}
"""Pages of which no two are the same for that reason."""


@dataclass(frozen=True)
class Outcome:
    """What a command comes to: how it ends, and its files."""

    ended: Ended
    files: Mapping[str, bytes]


def body_of(samples: Samples, name: str) -> Body:
    """The command of that name, as the body of a process."""
    files = {"png": "png", "onnx": "digits.onnx"}
    files |= {setting: f"{setting}.toml" for setting in ("recipe", "color_recipe", "plan", "discussion")}
    places = {word: samples / file for word, file in files.items()}
    return command(*(word.format(**places) for word in COMMANDS[name].split()))


def cache_in(here: Path) -> None:
    """Commands that are started from now on have their cache in a folder of this one."""
    os.environ["NEGATOSCOPE_CACHE_DIR"] = str(here / "cache")


def outcome(samples: Samples, name: str, here: Path) -> Outcome:
    """Run the command of that name in a folder, to its end."""
    return outcome_of(body_of(samples, name), here, name)


def outcome_of(body: Body, here: Path, name: str = "") -> Outcome:
    """Run any command in a folder, to its end."""
    cache_in(here)
    ended = run(body, here, seconds=600)
    return Outcome(ended, files_of(name, here))


@cache
def undisturbed(samples: Samples, name: str, here: Path) -> Outcome:
    """The same of a command that is left alone, in a folder that is not there yet; made once."""
    whole = outcome(samples, name, here)
    if whole.ended.code not in (0, 1):
        raise RuntimeError(f"expected an undisturbed command to end well, got {whole.ended.code}: {whole.ended.error}")
    return whole


def files_of(name: str, here: Path) -> dict[str, bytes]:
    """Every file that a command has left, but for the times that it measured."""
    files = {}
    for path in sorted(path for path in here.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for pattern, times in TIMED.items():
            content = times.sub(b"", content) if path.match(pattern) else content
        files[str(path.relative_to(here))] = content
    return {path: content for path, content in files.items() if path not in TIMED_PAGES.get(name, ())}


def differences(whole: Outcome, again: Outcome) -> str:
    """What is not the same of a command that was disturbed."""
    if again.ended.hung or again.ended.code != whole.ended.code:
        return f"exit code {again.ended.code}: {again.ended.error[-300:]}"
    if odd := sorted(whole.files.keys() ^ again.files.keys()):
        return f"{'missing' if odd[0] in whole.files else 'left over'}: {', '.join(odd[:3])}"
    differing = [name for name in whole.files if whole.files[name] != again.files[name]]
    if not differing:
        return ""
    lines = (each.files[differing[0]].splitlines() for each in (whole, again))
    first = next(((a, b) for a, b in zip(*lines, strict=False) if a != b), None)
    return f"other bytes: {', '.join(differing[:3])}: {first!r:.300}"
