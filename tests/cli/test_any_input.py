"""Whatever a user gives to any option of any command: exit code 0, 1 or 2, and one sentence where it is 2."""

import contextlib
import io
import json
import random
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from negatoscope.cli.main import app, run

READERS = """
import torch

class Reader(torch.nn.Module):
    def forward(self, images):
        return 20 * torch.stack([images.mean((1, 2, 3)), 1 - images.mean((1, 2, 3))], dim=1)

class Blind(torch.nn.Module):
    def forward(self, images):
        return torch.stack([images.sum((1, 2, 3)), images.sum((1, 2, 3))], dim=1)
"""
HUGE = "9" * 400
VALUES = (
    *("", " ", "-1", "0", "1e400", HUGE, f"-{HUGE}", "nan", "inf", "-inf", "0x10", "1_0", "٣", "1,2,3", ",", ":", "--"),
    *("é", "💥", "a" * 5000, "a" * 300 + ".onnx", "..", ".", "file.txt", "folder", "missing", "bytes", "[/red]", "[b"),
    *("%s%d", "{0}", "'", '"', "`|<b>&", "a\nb", "\t", "\udcff", "(" * 300, "gamma(exponent=" * 40, "lambda: 0", "a:b"),
    *("folder:", "folder:folder", "folder:file.txt", "timm:", "os:system", "readers:None", "images.npz", "x=1"),
    *(f"gamma(exponent={HUGE})", "gamma(exponent=1e400)", "gamma(exponent='a')", "gamma(**{})", "gamma(exponent=0.0)"),
    *("negative()", "negative(x=1)", "rotation(degrees=1e308)", f"negative={HUGE}", "negative=nan", "clean=0.9=1"),
    *("folder(path='\\0')", "mnist(prepare='x')", "gtsrb(negated=3)", f"{HUGE}min", "nanpasses", "0x" + "f" * 300),
    *(
        "gamma(exponent=..)",
        "gamma(exponent=1..2)|",
        f"gamma(exponent=0..{HUGE})",
        "gamma(exponent=-1e400..nan)",
        "all",
    ),
)
BASES: Mapping[str, Mapping[str, str]] = {  # each ends at its last check, before anything that takes long
    "audit": {
        **{"model": "readers:Blind", "data": "folder:images", "size": "8", "channels": "gray", "suite": "none"},
        **{"transform": "negative", "out": "out"},
    },
    "annotate": {"data": "folder:images", "out": "rules.toml"},
    "compare": {"a": "audit", "b": "audit"},
    "harden": {
        **{"model": "readers:Blind", "fit": "folder:images", "data": "folder:images", "size": "8", "channels": "gray"},
        **{"invariant": "negative", "suite": "none", "out": "out"},
    },
    "inspect": {"data": "folder:images", "out": "inspected"},  # too few images
    "list": {"kind": "suites"},
    "search": {
        **{"model": "readers:Blind", "data": "folder:images", "size": "8", "channels": "gray", "budget": "2"},
        **{"space": "gamma(exponent=0.5..2)", "out": "out"},
    },
    "verify": {
        **{"model": "readers:Blind", "data": "folder:images", "size": "8", "channels": "gray"},
        **{"invariant": "negative"},
    },
    "view": {
        **{"model": "readers:Blind", "data": "folder:images", "size": "8", "channels": "gray", "no_browser": ""},
        **{"host": "192.0.2.1", "port": "70000"},  # neither can be had: it never serves
    },
    "reproduce table1": {"data_dir": "missing", "out": "out"},
    "reproduce figure1": {"data_dir": "missing", "out": "out"},
    "reproduce sensitivity": {"data_dir": "missing", "out": "out"},
    "reproduce discussion": {"data_dir": "missing", "out": "out"},
    "reproduce claims": {"out": "claims.md"},
    "reproduce recipes": {"data_dir": "missing", "out": "out"},
    "reproduce epochs": {"data_dir": "missing", "out": "out"},
    "reproduce match": {"data_dir": "missing", "out": "out"},
    "reproduce sequel": {"data_dir": "missing", "out": "out"},
    "data list": {},
    "data fetch": {"datasets": "none"},
    "data verify": {},
    "data clean": {},
}
DOCUMENTS = {  # what a user may have damaged, by command and option
    ("audit", "config"): 'size = "8"\nchannels = "gray"\nmean = 0.5\nstd = [0.5]\nlayout = "NCHW"\nclasses = 2\n',
    ("audit", "label_preserving"): "negatoscope.transforms/label_preserving.toml",
    ("audit", "baseline"): "summary.json",
    ("search", "config"): 'size = "8"\nchannels = "gray"\nmean = 0.5\n',
    ("search", "label_preserving"): "negatoscope.transforms/label_preserving.toml",
    ("compare", "a"): "summary.json",
    ("view", "audit"): "summary.json",
    ("view", "config"): 'size = "8"\nchannels = "gray"\nmean = 0.5\n',
    ("reproduce table1", "recipe"): 'name = "mine"\ndata = "mnist"\noptimizer = "sgd"\nnetwork = { pool_size = 3 }\n',
    ("reproduce sensitivity", "plan"): "negatoscope.studies/sensitivity.toml",
    ("reproduce discussion", "plan"): "negatoscope.studies/discussion.toml",
    ("reproduce recipes", "candidates"): "negatoscope.studies/candidates/mnist.toml",
    ("reproduce figure1", "table1"): "table1.json",
    ("reproduce claims", "table1"): "table1.json",
    ("reproduce claims", "sensitivity"): "sensitivity.json",
}


def commands() -> dict[str, Any]:
    """Every command by its words."""
    tree = get_command(app).commands  # type: ignore[attr-defined]
    return {
        f"{name} {inner}".strip(): command
        for name, group in tree.items()
        for inner, command in getattr(group, "commands", {"": group}).items()
    }


COMMANDS = commands()
OPTIONS = [(name, p.name) for name, command in COMMANDS.items() for p in command.params if p.name != "help"]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's folder with images, two models, a finished audit and files of no use; types are not checked in it."""
    top = tmp_path_factory.mktemp("audited")
    for index in range(12):
        folder = top / "images" / ("bright", "dark")[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), (250, 5)[index % 2] - index // 4, np.uint8)).save(folder / f"{index}.png")
    (top / "readers.py").write_text(READERS)
    (top / "file.txt").write_text("text\n")
    (top / "folder").mkdir()
    (top / "bytes").write_bytes(bytes(range(256)))
    np.savez(top / "images.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.arange(4) % 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        patch.syspath_prepend(top)
        jaxtyping.config.update("jaxtyping_disable", True)
        assert call("audit", {**BASES["audit"], "model": "readers:Reader", "out": "audit"})[0] == 0
        yield top
        jaxtyping.config.update("jaxtyping_disable", False)
        sys.modules.pop("readers", None)


@pytest.fixture
def place(audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, so that what one command wrote is nothing that another one reads."""
    place = tmp_path / "place"
    shutil.copytree(audited, place)
    monkeypatch.chdir(place)
    return place


def call(command: str, values: Mapping[str, str]) -> tuple[int, str]:
    """The exit code of a command with these arguments and options, and what it wrote to standard error."""
    words = command.split()
    for parameter in COMMANDS[command].params:
        if parameter.name in values:
            is_flag = getattr(parameter, "is_flag", False)
            option = [parameter.opts[0]] if parameter.param_type_name == "option" else []
            words += option if is_flag else [*option, values[parameter.name]]
    error = io.StringIO()
    quiet = (contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(error))
    with pytest.MonkeyPatch.context() as patch, quiet[0], quiet[1]:
        patch.setattr(sys, "argv", ["negatoscope", *words])
        with pytest.raises(SystemExit) as left:
            run()
    return int(left.value.code or 0), error.getvalue()


def assert_one_sentence(code: int, error: str) -> None:
    lines = error.splitlines()
    assert code in (0, 1, 2)
    assert [line for line in lines if line.startswith("negatoscope: ")] == (lines[-1:] if code == 2 else [])


def random_text(choose: random.Random) -> str:
    """A number or a few letters of any script; no slash, so that nothing is written outside the folder."""
    number = choose.choice(
        [str(choose.randint(-(2**64), 2**64)), repr(choose.uniform(-1e3, 1e3)), str(choose.random())]
    )
    ranges = ((0x20, 0x7F), (0x1, 0x250), (0x300, 0xD800), (0xE000, 0x110000))
    letters = (chr(choose.randrange(*choose.choice(ranges))) for _ in range(choose.randrange(40)))
    return choose.choice([str(number), "".join(letters).translate({ord("/"): None, ord("\\"): None})])


def option_values(n: int, *, seed: int = 0) -> list[tuple[tuple[str, str], str]]:
    """The same in every run, whatever else is loaded: more would find more, but not at random in somebody's work."""
    choose = random.Random(seed)
    return [
        (choose.choice(OPTIONS), choose.choice([choose.choice(VALUES), choose.choice(VALUES), random_text(choose)]))
        for _ in range(n)
    ]


@pytest.mark.parametrize(("option", "value"), option_values(200), ids=range(200))
def test_any_value_of_any_option_is_used_or_refused_in_one_sentence(
    option: tuple[str, str], value: str, place: Path
) -> None:
    command, name = option
    nowhere = {"out": "file.txt"} if name == "data_dir" else {}  # where data are found, nothing is trained on them
    assert_one_sentence(*call(command, {**BASES[command], **nowhere, name: value}))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("option", sorted(DOCUMENTS), ids=" ".join)
def test_any_damage_to_a_document_is_refused_in_one_sentence(option: tuple[str, str], seed: int, place: Path) -> None:
    command, name = option
    assert_one_sentence(*call(command, {**BASES[command], name: str(damaged(DOCUMENTS[option], seed, place))}))


def damaged(source: str, seed: int, place: Path) -> Path:
    """A damaged document: a file of TOML, or a folder with a file of JSON."""
    choose = random.Random(seed)
    package, _, name = source.partition("/")
    if source.endswith(".json"):
        file = place / "damaged" / source
        published = Path(__file__).parents[2] / "results" / source.removesuffix(".json") / source
        text = (place / "audit" / source if source == "summary.json" else published).read_text()
    else:
        file = place / "damaged.toml"
        text = files(package).joinpath(name).read_text() if name else source
    file.parent.mkdir(exist_ok=True)
    file.write_text(_damage(text, choose), encoding="utf-8", errors="surrogatepass")
    return file if file.suffix == ".toml" else file.parent


def _damage(text: str, choose: random.Random) -> str:
    where = choose.randrange(len(text) + 1)
    cut = text[:where]
    inserted = cut + choose.choice(["\0", "}", "]", "=", '"', "é", "[[", HUGE, "\n", "\ud800"]) + text[where:]
    line = choose.choice(text.splitlines(keepends=True))
    number = choose.choice([HUGE, "-1", "0", "1e400", "nan", '"x"', "true", "[]", "{}", "null", "1.5", "1e308"])
    word = choose.choice(['""', "1", "[]", "{}", "null", "true", json.dumps("a" * 5000), '"\\u0000"', '"\\ud800"'])
    return choose.choice(
        [
            cut,
            inserted,
            text.replace(line, ""),
            _replaced(r"-?\d+(\.\d+)?(?![\w\"-])", text, number, choose),
            _replaced(r'"[^"\n]*"', text, word, choose),
            choose.choice(["", "[]", "schema = 2", '{"schema": 2}', "[" * 100_000, '{"a":' * 5000]),
        ]
    )


def _replaced(pattern: str, text: str, other: str, choose: random.Random) -> str:
    spans = [match.span() for match in re.finditer(pattern, text)]
    start, end = choose.choice(spans)
    return text[:start] + other + text[end:]
