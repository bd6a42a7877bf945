"""What every suite measures with: contestants taken in turn, medians with their spread, facts about the machine."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from rich.console import Console

from negatoscope.files import write_whole

ROOT = Path(__file__).resolve().parents[1]
OWN_PACKAGES = ("torch", "numpy", "scipy", "pillow", "pyarrow", "negatoscope")

console = Console(highlight=False, soft_wrap=True)
_asked_for: dict[str, bool] = {}


@dataclass(frozen=True)
class Measure:
    """One comparison: medians of ours and of each peer, and how often ours is better than the best of them.

    `ratio_to_best_peer` above 1 means that ours is better, whatever the unit; it is None where there is no peer.
    `spread` holds the 25th and 75th percentile of each contestant that was timed.
    """

    name: str
    unit: str
    ours: float
    peers: dict[str, float] = field(default_factory=dict)
    ratio_to_best_peer: float | None = None
    spread: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """What a suite found when measures alone do not say it: `details` go into the result file beside them."""

    measures: list[Measure]
    details: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, profiled: Sequence["Profiled"]) -> "Findings":
        """Measures, each with the shares of our time that places take; with none where it was not profiled."""
        goes = {measure.name: shares for measure, shares in profiled if shares}
        return cls([measure for measure, _ in profiled], {"where the time goes": goes} if goes else {})


Profiled: TypeAlias = tuple[Measure, Mapping[str, float]]
"""A measure, and which share of our time passes in each place; none where that was not looked at."""


def take_turns(
    contestants: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every call, contestants run in turn within each round; the order rotates from round to round.

    A machine that slows down while this runs slows everyone down alike.

    Args:
        contestants: What to time, by name.
        rounds: Timed calls of each.
        warm_up: Calls of each before, which are not timed.
        clock: What counts them; wall seconds, unless it is such as `time.process_time`.
    """
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        console.print(f"  warming up {name}", style="dim")
        for _ in range(warm_up):
            contestants[name]()
    for round_index in range(rounds):
        first = round_index % max(len(names), 1)
        for name in names[first:] + names[:first]:
            began = clock()
            contestants[name]()
            seconds[name].append(clock() - began)
        console.print(f"  round {round_index + 1} of {rounds}", style="dim")
    return seconds


def measure(
    name: str,
    unit: str,
    times: Mapping[str, Sequence[float]],
    *,
    ours: str = "negatoscope",
    amount: float | None = None,
    note: str = "",
) -> Measure:
    """Medians and quartiles of timed calls.

    Args:
        name: What is compared.
        unit: "s" without `amount` (lower is better), such as "images/s" with it (higher is better).
        times: Wall seconds of each contestant's calls, from `take_turns`.
        ours: Which contestant is ours.
        amount: What one call gets done, in the unit of the rate.
        note: What a reader must know.
    """
    values = {who: [amount / t if amount else t for t in seconds] for who, seconds in times.items()}
    medians = {who: statistics.median(each) for who, each in values.items()}
    mine = medians.pop(ours)
    return Measure(
        name,
        unit,
        mine,
        medians,
        _ratio(mine, medians, higher_is_better=amount is not None),
        {who: _quartiles(each) for who, each in values.items()},
        note,
    )


def value(
    name: str,
    unit: str,
    ours: float,
    *,
    peers: Mapping[str, float] | None = None,
    note: str = "",
    higher_is_better: bool = False,
) -> Measure:
    """A measure of what is no repeated timing, such as megabytes or shares."""
    others = dict(peers or {})
    return Measure(name, unit, ours, others, _ratio(ours, others, higher_is_better=higher_is_better), {}, note)


def forget_peers() -> None:
    """What an earlier suite asked for is no part of the next one's result."""
    _asked_for.clear()


def available(package: str) -> bool:
    """Whether `package` (its import name) is installed; if not, say once that this peer is skipped."""
    if package not in _asked_for:
        _asked_for[package] = importlib.util.find_spec(package) is not None
        if not _asked_for[package]:
            console.print(f"  {package} is not installed: skipped (make bench installs it)", style="yellow")
    return _asked_for[package]


def available_threads() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pin_threads() -> None:
    """Give everyone one thread a processor, in this process (before torch is imported) and in all that it starts."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(available_threads())


def machine() -> dict[str, object]:
    """The machine: processor as it names itself, cores, threads, memory in gigabytes, system, accelerator if any."""
    facts: dict[str, object] = {
        "processor": _processor(),
        "cores": available_threads(),
        "threads": available_threads(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if accelerator := _accelerator():
        facts["accelerator"] = accelerator
    return facts


def versions() -> dict[str, str]:
    """Python, our own packages, and every peer that a suite asked for."""
    of_module = importlib.metadata.packages_distributions()
    peers = {of_module.get(module, [module])[0] for module, there in _asked_for.items() if there}
    found = {"python": platform.python_version()}
    for name in sorted({*OWN_PACKAGES, *peers}):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def result_file(suite: str, *, quick: bool) -> Path:
    """Where a suite's result goes; a quick run never takes a full one's place."""
    folder = ROOT / "out/bench/quick" if quick else ROOT / "results/bench"
    name = _accelerator() or f"{_processor()} {available_threads()} cores"
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)|processor|cpu|@.*?ghz", "", name.lower())).strip("-")
    return folder / f"{suite}-{slug}.json"


def write(suite: str, findings: Findings, *, quick: bool, seconds: float) -> Path:
    """Write a suite's result and return its file."""
    file = result_file(suite, quick=quick)
    content = {
        "suite": suite,
        "device": "cuda" if _accelerator() else "cpu",
        "machine": machine(),
        "versions": versions(),
        "commit": _commit(),
        "command": f"python -m benchmarks {suite}" + (" --quick" if quick else ""),
        "quick": quick,
        "seconds": round(seconds, 1),
        "skipped": sorted(package for package, there in _asked_for.items() if not there),
        "measures": [asdict(each) for each in findings.measures],
        **findings.details,
    }
    write_whole(file, (json.dumps(_rounded(content), indent=2, ensure_ascii=False) + "\n").encode())
    return file


def _ratio(ours: float, peers: Mapping[str, float], *, higher_is_better: bool) -> float | None:
    if not peers:
        return None
    better, worse = (ours, max(peers.values())) if higher_is_better else (min(peers.values()), ours)
    return better / worse if worse else None


def _quartiles(values: Sequence[float]) -> list[float]:
    if len(values) < 2:
        return [values[0], values[0]]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.is_file() else []
    return names[0].strip() if names else platform.processor() or platform.machine()


def _accelerator() -> str:
    """The GPU's own name; empty if none is there or nobody has imported torch."""
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name()) if torch is not None and torch.cuda.is_available() else ""


def _commit() -> str:
    """The commit that was measured, with "-dirty" where tracked files differ from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"], cwd=ROOT, capture_output=True, text=True
    )
    return described.stdout.strip() or "unknown"


def _rounded(content: object) -> object:
    """Numbers at five digits, which no timing exceeds; everything else as it is."""
    if isinstance(content, float):
        return float(f"{content:.5g}")
    if isinstance(content, Mapping):
        return {key: _rounded(each) for key, each in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(each) for each in content]
    return content
