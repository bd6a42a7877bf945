"""``python -m benchmarks [SUITE ...] [--quick]``: run suites and write what they found."""

import argparse
import importlib
import importlib.util
import sys
import time

from rich.markup import escape

from benchmarks import harness
from negatoscope.errors import NegatoscopeError

SUITES = {
    "train": "images per second of plain and FGSM adversarial training",
    "limit": "share of the machine's best matrix product, and where the rest goes",
    "accuracy": "seconds of training to a given accuracy; bf16 against float32, paired",
    "audit": "a whole audit against its forward passes alone and against one pass a transform",
    "transforms": "each transform against kornia, Pillow, scikit-image",
    "startup": "the command line, the import, a small audit, preparing data",
    "self_check": "wrong settings that the self-check names, right ones that it leaves alone",
    "inspect": "secretly transformed images that are found among the first of a ranking",
    "search": "the search for the worst setting against its forward passes, foolbox's grid and ART's composite attack",
    "forward": "the paper's network beside onnxruntime and OpenVINO; a whole audit beside ten lines of numpy",
    "report": "from an audit's summary to its end: pictures, tables, figures and page",
    "growth": "time and memory as images, transforms, classes and seeds grow",
    "table1": "the whole Table I, ten classifiers of one seed, by its command",
}


def main(arguments: list[str]) -> int:
    """Run the suites named, or all; 2 if one is unknown or not there, or lacks something such as its data."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="a smoke run of seconds, which is not kept as a result")
    options = parser.parse_args(arguments)
    for suite in options.suites:
        if suite not in SUITES:
            return _refuse(f"expected suites of {', '.join(SUITES)}, got {suite!r}")
        if not _is_there(suite):
            return _refuse(f"expected a file benchmarks/{suite}.py for the suite {suite!r}, got none")
    harness.pin_threads()
    for suite in options.suites or filter(_is_there, SUITES):
        try:
            _run(suite, quick=options.quick)
        except NegatoscopeError as error:
            return _refuse(str(error))
    return 0


def _run(suite: str, *, quick: bool) -> None:
    harness.console.print(f"[bold]{suite}[/bold]: {SUITES[suite]}")
    harness.forget_peers()
    began = time.perf_counter()
    found = importlib.import_module(f"benchmarks.{suite}").run(quick)
    findings = found if isinstance(found, harness.Findings) else harness.Findings(list(found))
    file = harness.write(suite, findings, quick=quick, seconds=time.perf_counter() - began)
    for measure in findings.measures:
        _print(measure)
    harness.console.print(f"wrote {file.relative_to(harness.ROOT)}")


def _print(measure: harness.Measure) -> None:
    ratio = "" if measure.ratio_to_best_peer is None else f"  [bold]{measure.ratio_to_best_peer:.2f}×[/bold]"
    peers = ", ".join(f"{name} {median:.4g}" for name, median in measure.peers.items())
    line = escape(f"  {measure.name}: {measure.ours:.4g} {measure.unit}")
    harness.console.print(line + ratio + escape(f"  ({peers})" if peers else ""))


def _is_there(suite: str) -> bool:
    return importlib.util.find_spec(f"benchmarks.{suite}") is not None


def _refuse(sentence: str) -> int:
    harness.console.print(sentence)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
