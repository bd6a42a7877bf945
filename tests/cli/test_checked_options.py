"""What can be refused without images, models and what is slow to load is refused before any of that, by its option."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from negatoscope.cli.main import app

Command = Callable[..., tuple[int, str, str]]


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the project, with its names."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


def required(names: tuple[str, ...]) -> list[str]:
    """The shortest words that a command can be called with."""
    words: list[str] = []
    for each in COMMANDS[names].params:
        if each.required:
            words += [each.opts[0], "x"] if each.param_type_name == "option" else ["x"]
    return words


def numbers(names: tuple[str, ...]) -> list[str]:
    """Those options of a command that are numbers."""
    return [
        each.opts[0]
        for each in COMMANDS[names].params
        if {int, float} & {each.type_descriptor.annotation, *get_args(each.type_descriptor.annotation)}
    ]


@pytest.fixture
def refused(
    negatoscope: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[tuple[str, ...], str, str], str]:
    """What a command says of an option's value, after it has loaded nothing and left nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("negatoscope.cli.loading.keep_freed_memory", lambda: pytest.fail("something slow is loaded"))

    def call(names: tuple[str, ...], option: str, value: str) -> str:
        code, out, err = negatoscope(*names, *required(names), option, value)
        assert (code, out, err.count("\n"), list(tmp_path.iterdir())) == (2, "", 1, []), err
        return err.removeprefix("negatoscope: ").rstrip("\n")

    return call


def test_an_impossible_number_is_refused_by_its_option_before_anything_is_loaded(
    refused: Callable[[tuple[str, ...], str, str], str],
) -> None:
    given = [(names, option) for names in COMMANDS for option in numbers(names)]
    assert len(given) > 60
    sentences = {(names, option): refused(names, option, "-1") for names, option in given}
    wrong = {
        key: text
        for key, text in sentences.items()
        if not text.startswith(f"expected {key[1]} ") or "got -1" not in text
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("words", "option", "value", "sentence"),
    [
        ("reproduce sequel", "--limit", "0", "expected --limit of at least 1, got 0"),
        ("reproduce sequel", "--trials", "1000000", "expected --trials from 1 to 999,999, got 1000000"),
        ("reproduce sequel", "--model", "m.onnx", "expected --model and --data, got one of them; give both, or none"),
        ("reproduce match", "--trials", "4", "expected --trials of at least 5, got 4"),
        ("reproduce match", "--dataset", "cifar", "expected --dataset mnist or gtsrb, got 'cifar'"),
        ("reproduce match", "--precision", "float8", "expected --precision auto, bf16 or float32, got 'float8'"),
        ("reproduce discussion", "--experiments", "a,x", "expected known names in --experiments, got 'x'; there are a"),
        ("reproduce discussion", "--seeds", "0", "expected --seeds of at least 1, got 0"),
        ("reproduce discussion", "--executor", "slurm", "expected --executor local, processes or ray, got 'slurm'"),
        ("reproduce sensitivity", "--workers", "2", "expected --executor processes or ray beside --workers, got local"),
        ("reproduce epochs", "--accuracy", "0", "expected --accuracy above 0, up to 1, got 0.0"),
        ("reproduce table1", "--epsilons", "2", "expected --epsilons in [0, 1] (pixels are in [0, 1]), got 2.0"),
        ("audit", "--expect-accuracy", "nan", "expected --expect-accuracy from 0 to 1, got nan"),
        ("audit", "--bits", "7", "expected --bits from 8 to 16, got 7"),
        ("audit", "--address", "a:1", "expected --executor ray beside --address, got local"),
        ("audit", "--window", "40", "expected --window to be CENTER,WIDTH, such as 40,400, got '40'"),
        ("view", "--port", "65536", "expected --port from 0 to 65,535, got 65536"),
        ("verify", "--at-least", "2", "expected --at-least from 0 to 1, got 2.0"),
    ],
)
def test_what_is_refused_names_the_option_as_it_was_written(
    words: str, option: str, value: str, sentence: str, refused: Callable[[tuple[str, ...], str, str], str]
) -> None:
    assert refused(tuple(words.split()), option, value).startswith(sentence)


@pytest.mark.parametrize(
    ("words", "option", "value", "sentence"),
    [
        ("audit", "--suite", "nonsense", "expected the name of a suite, got 'nonsense'"),
        ("audit", "--transform", "gama", "did you mean 'gamma'"),
        ("audit", "--fail-under", "negative=2", "expected a rule such as negative=0.9"),
        ("audit", "--tolerance", "0.1", "expected --baseline with --baseline-on and --tolerance, got none"),
        ("audit", "--channel-order", "GBR", "expected --channel-order to be 'RGB' or 'BGR', got 'GBR'"),
        ("harden", "--method", "canonicalise", "did you mean 'canonicalize'"),
        ("harden", "--invariant", "negativ", "did you mean 'negative'"),
        ("harden", "--suite", "nonsense", "expected the name of a suite, got 'nonsense'"),
        ("inspect", "--invariant", "negativ", "did you mean 'negative'"),
        ("verify", "--invariant", "negativ", "did you mean 'negative'"),
        ("verify", "--layout", "HW", "expected --layout to be 'NCHW'"),
        ("search", "--strategy", "locl", "did you mean 'local'"),
        ("search", "--space", "colour", "did you mean 'color'"),
        ("search", "--mean", "a", "expected --mean to be one number or one for each channel"),
        ("view", "--size", "-3", "expected --size to be a whole number of pixels"),
    ],
)
def test_names_are_refused_before_images_and_models_are_opened(
    words: str,
    option: str,
    value: str,
    sentence: str,
    negatoscope: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)  # in which there are no images and no model
    code, out, err = negatoscope(words, *required((words,)), option, value)
    assert (code, out, err.count("\n"), list(tmp_path.iterdir())) == (2, "", 1, [])
    assert sentence in err


def test_no_help_text_shows_a_type_of_python(negatoscope: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 200)
    groups = {names[:depth] for names in COMMANDS for depth in range(len(names))}
    shown = {names: negatoscope(*names, "--help")[1] for names in (*COMMANDS, *groups)}
    assert all("--help" in text for text in shown.values())
    types = {names: re.findall(r"<(?:list\[)?(?:str|int|float|bool|path)\]?>", text) for names, text in shown.items()}
    assert {names: found for names, found in types.items() if found} == {}
