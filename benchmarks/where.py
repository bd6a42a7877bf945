"""Where our time goes: which share of a call, of a whole command or of a network's passes is spent in each place.

Calls and commands are profiled function by function, which slows Python itself down several-fold and compiled code not
at all: shares of places in Python are upper bounds. A place counts with all that it calls, so that some count twice:
the self-check's network, and what is imported on the way.
"""

import cProfile
import pstats
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from benchmarks import harness

AUDIT = {
    "network": ("models/torch_module.py", "run"),
    "self-check": ("auditing/self_check.py", "check_clean"),
    "images and their hashes": ("data/batches.py", "_held"),
    "transforms": ("auditing/run.py", "apply"),
    "levels of 8 bits": ("negatoscope/levels.py", "on_levels"),
    "outputs": ("models/adapter.py", "to_logits"),
    "predictions of outputs": ("models/predict.py", "predictions_of"),
    "rows, written": ("negatoscope/rows.py", "write_rows"),
    "summary, from rows": ("auditing/summary.py", "summarize"),
    "provenance": ("negatoscope/provenance.py", "record_provenance"),
}
REPORT = {
    "table of failures": ("auditing/failures.py", "write_failures"),
    "of it, rows read": ("auditing/predictions.py", "read_predictions"),
    "pictures of failures": ("auditing/gallery.py", "save_gallery"),
    "figures drawn": ("auditing/sections/__init__.py", "make_sections"),
    "figures saved": ("reports/figures.py", "save_figure"),
    "page": ("auditing/page.py", "audit_html"),
    "table of images": ("auditing/images_table.py", "write_images"),
}
COMMAND = {
    "import of torch": ("torch/__init__.py", "<module>"),
    "import of matplotlib": ("matplotlib/figure.py", "<module>"),
    "import of onnxruntime": ("onnxruntime/__init__.py", "<module>"),
    "all imports": ("<frozen importlib._bootstrap>", "_find_and_load"),
    "self-check": AUDIT["self-check"],
    "pass over the images": ("auditing/run.py", "run_pass"),
    "summary": AUDIT["summary, from rows"],
    "table of failures": REPORT["table of failures"],
    "pictures of failures": REPORT["pictures of failures"],
    "figures and page": ("auditing/page.py", "write_report"),
}
"""Places by what they do: how the file's name ends, and the function; a module that is imported is one, too."""

Places = Mapping[str, tuple[str, str]]


def shares(call: Callable[[], object], places: Places) -> dict[str, float]:
    """Which share of a call's CPU time passes in each place, on one thread."""
    from negatoscope.executors import using_threads

    profile = cProfile.Profile(time.process_time)
    with using_threads(1):  # batches side by side would hide from the profile
        profile.runcall(call)
    return _shares(pstats.Stats(profile), places)


def shares_of_command(words: Sequence[str], places: Places = COMMAND) -> dict[str, float]:
    """Which share of the time of `negatoscope` with these words passes in each place, imports included."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "profile"
        command = [sys.executable, "-m", "benchmarks.where", str(file), *words]
        done = subprocess.run(command, cwd=harness.ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"expected {' '.join(words[:6])} to end well, got: {done.stderr[-500:]}")
        return _shares(pstats.Stats(str(file)), places)


def shares_of_passes(network: Callable[[Any], object], images: Any, *, passes: int = 20) -> dict[str, float]:
    """Which share of some forward passes is spent in each group of operators."""
    from torch.profiler import ProfilerActivity, profile

    from benchmarks.limit import grouped

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        began = time.perf_counter()
        for _ in range(passes):
            network(images)
        wall = time.perf_counter() - began
    operators = {event.key: event.self_cpu_time_total / 1e6 for event in profiler.key_averages()}
    return {group: share / 100 for group, share in grouped(operators, wall).items() if share}


def _shares(stats: pstats.Stats, places: Places) -> dict[str, float]:
    found = cast(Any, stats)
    seconds = {
        place: sum(each[3] for (file, _, name), each in found.stats.items() if file.endswith(end) and name == function)
        for place, (end, function) in places.items()
    }
    return {place: round(each / found.total_tt, 3) for place, each in seconds.items()}


def _command() -> None:
    from negatoscope.cli.main import run

    run()


if __name__ == "__main__":
    target = sys.argv.pop(1)
    profiler = cProfile.Profile()
    try:
        profiler.runcall(_command)
    finally:
        profiler.dump_stats(target)
