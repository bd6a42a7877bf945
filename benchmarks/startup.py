"""Seconds until something is there: the command line's help, an import, an audit of ten images, a prepared dataset.

Equal footing: every contestant is a process of its own, timed from its start to its end, in turn with the others.
"Warm" is what a user meets from the second run on. "Cold" is a first run: no bytecode of any package (an empty
PYTHONPYCACHEPREFIX), no cache of ours and none of matplotlib's fonts; the system's own cache of files stays, since only
its administrator can empty it. Imports are compared twice: the package alone, and torch with the FGSM attack, which
every library of attacks has; some load torch, or their parts, only when they are used. GTSRB is prepared from its zips
to the same pixels by everyone (their sha256 is compared), ours with its checksums, checks and cache.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np
from PIL import Image

from benchmarks import harness, where
from benchmarks.harness import Findings, Measure, Profiled
from negatoscope.data import DataLocator, Dataset, gtsrb, load_dataset
from negatoscope.errors import DataNotFoundError

ATTACKS = {
    "negatoscope": "from negatoscope import fgsm",
    "foolbox": "import foolbox; foolbox.attacks.LinfFastGradientAttack",
    "art": "from art.attacks.evasion import FastGradientMethod",
    "torchattacks": "from torchattacks import FGSM",
    "cleverhans": "from cleverhans.torch.attacks.fast_gradient_method import fast_gradient_method",
}
"""How FGSM is imported; torch, which all need to attack a network of PyTorch, comes before it."""

PACKAGES = ("negatoscope", "foolbox", "art", "torchattacks", "cleverhans", "kornia")

HELP = ("--help", "--version", "audit --help", "reproduce table1 --help")

BOUNDS = {"bare Python": "pass", "import of typer with rich": "import typer, typer.rich_utils"}
"""What no command line can be faster than, and no help of typer's."""

AUDIT_NEEDS = "torch, scipy.stats, matplotlib.figure, pyarrow.parquet, jinja2"

PREPARE = """
from hashlib import sha256
from negatoscope.data import load_dataset
sets = [load_dataset("gtsrb(prepare='paper')", split=split, download=False) for split in ("train", "test")]
print(*[sha256(dataset.images.tobytes()).hexdigest() for dataset in sets])
"""

COMMAND = [sys.executable, "-c", "from negatoscope.cli.main import main; main()"]


def run(quick: bool) -> Findings:
    """Everything; a quick run leaves out what takes more than seconds."""
    found: list[Profiled] = [(measure, {}) for measure in _commands(quick) + _imports(quick)]
    with TemporaryDirectory() as place:
        found += _audits(Path(place), quick)
        if not quick:
            found += [(measure, {}) for measure in _prepares_gtsrb(Path(place))]
    return Findings.of(found)


def _commands(quick: bool) -> list[Measure]:
    ours = {f"negatoscope {words}": _process([*COMMAND, *words.split()]) for words in HELP}
    bounds = {name: _process([sys.executable, "-c", code]) for name, code in BOUNDS.items()}
    times = harness.take_turns(ours | bounds, rounds=1 if quick else 11)
    cold = harness.take_turns(
        {"negatoscope --help, cold": _cold([*COMMAND, "--help"])}, rounds=1 if quick else 5, warm_up=0
    )
    return [_alone(name, seconds) for name, seconds in (times | cold).items()]


def _imports(quick: bool) -> list[Measure]:
    there = [name for name in PACKAGES if harness.available(name)][: 2 if quick else None]
    packages = {name: f"import {name}" for name in there}
    attacks = {f"{name}'s FGSM": f"import torch; {ATTACKS[name]}" for name in there if name in ATTACKS}
    codes = {**packages, **attacks, "import torch": "import torch"}
    contestants = {name: _process([sys.executable, "-c", code]) for name, code in codes.items()}
    times = harness.take_turns(contestants, rounds=1 if quick else 3, warm_up=0 if quick else 1)
    fgsm = {name.removesuffix("'s FGSM"): times[name] for name in attacks}
    note = "foolbox and negatoscope load torch when it is first needed: see the next measure for what an attack needs"
    return [
        _alone("import torch", times["import torch"]),
        harness.measure("import of the package", "s", {name: times[name] for name in packages}, note=note),
        harness.measure("import of torch and the FGSM attack", "s", fgsm),
    ]


def _audits(place: Path, quick: bool) -> list[Profiled]:
    """Of ten digits in a folder, and of a hundred: our own network, and the same as an ONNX file."""
    try:
        digits = load_dataset("mnist", split="train", download=False)
    except DataNotFoundError:
        harness.console.print("  MNIST is not at hand: no audit is timed", style="yellow")
        return []
    folders = {number: _digits(digits, place / number, each) for number, each in (("ten", 1), ("a hundred", 10))}
    models = _models(digits, place, onnx=not quick and harness.available("onnxscript"))
    audits = {
        f"audit of {number} images, {kind}": ["audit", str(model), "--data", str(folder), *options]
        for kind, (model, options) in models.items()
        for number, folder in folders.items()
    }
    bound = _process([sys.executable, "-c", f"import {AUDIT_NEEDS}"])
    commands = {name: [*COMMAND, *words] for name, words in audits.items()}
    warm = {name: _in_new_folder(words, place) for name, words in commands.items()}
    times = harness.take_turns({**warm, "import of what an audit needs": bound}, rounds=1 if quick else 5)
    found = [_alone(name, seconds) for name, seconds in times.items()]
    if not quick:
        cold = {f"{name}, cold": _in_new_folder(words, place, cold=True) for name, words in commands.items()}
        cold["import of what an audit needs, cold"] = _cold([sys.executable, "-c", f"import {AUDIT_NEEDS}"])
        found += [_alone(name, s) for name, s in harness.take_turns(cold, rounds=2, warm_up=0).items()]
    *_, last = audits
    goes = where.shares_of_command([*audits[last], "--out", mkdtemp(dir=place) + "/audit"])
    return [(measure, goes if measure.name == last else {}) for measure in found]


def _models(digits: Dataset, place: Path, *, onnx: bool) -> dict[str, tuple[Path, list[str]]]:
    """The paper's network, trained for seconds, in one or two kinds of files, and the options that each needs."""
    import torch

    from negatoscope.models.checkpoint import save_network
    from negatoscope.models.networks import NetworkSettings, PaperNetwork

    network = PaperNetwork(channels=1, size=28, classes=10, settings=NetworkSettings(), seed=0)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    pixels = np.asarray(digits.images)
    for first in range(0, 5000, 100):
        chosen = slice(first, first + 100)
        images = torch.from_numpy(pixels[chosen].copy()).float() / 255
        loss = torch.nn.functional.cross_entropy(network(images), torch.from_numpy(digits.labels[chosen].copy()))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    network.eval()
    files = {"own network": (place / "network.safetensors", list[str]())}
    save_network(files["own network"][0], network, facts={})
    if onnx:
        files["ONNX file"] = (place / "network.onnx", ["--range", "0..1"])
        shapes = ({0: torch.export.Dim("n")},)
        images = torch.rand(2, 1, 28, 28)
        torch.onnx.export(network, (images,), files["ONNX file"][0], dynamic_shapes=shapes, verbose=False)
    return files


def _digits(digits: Dataset, folder: Path, each: int) -> Path:
    """The first digits of each class, as PNG files in class folders."""
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
        for index in np.flatnonzero(digits.labels == label)[:each].tolist():
            Image.fromarray(np.asarray(digits.images)[index, 0]).save(folder / str(label) / f"{index}.png")
    return folder


def _prepares_gtsrb(place: Path) -> list[Measure]:
    try:
        found = DataLocator(download=False).find("gtsrb")
    except DataNotFoundError:
        harness.console.print("  GTSRB is not at hand: its preparation is not timed", style="yellow")
        return []
    ours = [sys.executable, "-c", PREPARE]
    kept = {"NEGATOSCOPE_CACHE_DIR": str(place / "cache")}
    contestants: dict[str, Callable[[], str]] = {
        "negatoscope": lambda: finish(ours, {"NEGATOSCOPE_CACHE_DIR": mkdtemp(dir=place)}),
        "negatoscope, cached": _process(ours, kept),
    }
    if harness.available("cv2"):
        zips = [str(found[name].path) for name in (gtsrb.TRAIN_IMAGES, gtsrb.TEST_IMAGES, gtsrb.TEST_TABLE)]
        by_hand = [sys.executable, "-m", "benchmarks.peers.gtsrb_by_hand", *zips]
        contestants["zipfile, Pillow, OpenCV"] = _process(by_hand)
    if len({contestant() for contestant in contestants.values()}) != 1:
        raise RuntimeError("expected everyone to prepare the same pixels of GTSRB, got different ones")
    times = harness.take_turns(contestants, rounds=3, warm_up=0)
    cached = times.pop("negatoscope, cached")
    peers = {name: seconds for name, seconds in times.items() if name != "negatoscope"}
    note = "51,839 images, both splits, start of Python and sha256 of the zips included; equal pixels"
    return [
        harness.measure("preparing GTSRB, cold", "s", times, note=note),
        harness.measure("preparing GTSRB, cached", "s", {"negatoscope": cached, **peers}, note="peers keep no cache"),
    ]


def _alone(name: str, seconds: list[float], *, note: str = "") -> Measure:
    return harness.measure(name, "s", {"negatoscope": seconds}, note=note)


def _process(words: list[str], settings: Mapping[str, str] | None = None) -> Callable[[], str]:
    return lambda: finish(words, settings or {})


def _cold(words: list[str]) -> Callable[[], str]:
    """The same where nothing is compiled and nothing cached."""

    def call() -> str:
        with TemporaryDirectory() as empty:
            names = ("PYTHONPYCACHEPREFIX", "MPLCONFIGDIR", "NEGATOSCOPE_CACHE_DIR")
            return finish(words, {name: str(Path(empty) / name.lower()) for name in names})

    return call


def _in_new_folder(words: list[str], place: Path, *, cold: bool = False) -> Callable[[], str]:
    start = _cold if cold else _process
    return lambda: start([*words, "--out", mkdtemp(dir=place) + "/audit"])()


def finish(words: list[str], settings: Mapping[str, str]) -> str:
    """What a process prints; it must end well."""
    done = subprocess.run(words, cwd=harness.ROOT, env=os.environ | dict(settings), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"expected {' '.join(words[:6])} to end well, got: {done.stderr[-500:]}")
    return done.stdout
