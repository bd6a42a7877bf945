"""Every command and every example in the documents fits the command line and the package as they are."""

import ast
import importlib
import importlib.util
import inspect
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

import negatoscope
from negatoscope.attacks import ATTACKS, resolve_attack
from negatoscope.attacks.strategies import resolve_strategy
from negatoscope.cli.main import app
from negatoscope.errors import InputError
from negatoscope.hardening import METHODS
from negatoscope.models.options import expect_known
from negatoscope.registry import split_list
from negatoscope.transforms import describe_transform
from negatoscope.transforms.groups import resolve_group
from negatoscope.transforms.spaces import resolve_space
from negatoscope.transforms.suites import suite

TOP = Path(__file__).parents[1]
DOCUMENTS = [*sorted(TOP.glob("*.md")), *sorted(TOP.glob("docs/*.md")), TOP / "benchmarks" / "README.md"]
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ |- run: |run: )?((?:\w+=\S+ )*(?:negatoscope(?!:)|make|python -m) ?.*)$")
APP: Any = typer.main.get_command(app)
MAKEFILE = (TOP / "Makefile").read_text(encoding="utf-8")


def blocks(document: Path) -> list[tuple[str, str]]:
    """The language and the text of every fenced block."""
    found = BLOCK.findall(document.read_text(encoding="utf-8"))
    return [(language, textwrap.dedent(text)) for _, language, text in found]


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command that a block shows and that is ours; what others do is left out."""
    for line in text.replace("\\\n", " ").splitlines():
        if match := COMMAND.match(line.strip()) or re.match(r"^\$ (.*)$", line.strip()):
            yield from ours(match[1])


def ours(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;<>"):
            words = words[next((n for n, each in enumerate(words) if "=" not in each), len(words)) :]
            if words and (words[0] in ("negatoscope", "make") or words[:2] == ["python", "-m"]):
                yield words
            words = ["written to"] if ">" in word else []
        else:
            words.append(word)


LINES = {
    f"{document.relative_to(TOP)}: {shlex.join(words)}": words
    for document in DOCUMENTS
    for language, text in blocks(document)
    if language != "python"
    for words in commands(text)
}
PYTHON = {
    f"{document.relative_to(TOP)} {n}": text
    for document in DOCUMENTS
    for n, (language, text) in enumerate(blocks(document))
    if language == "python"
}

READERS: Mapping[str, Callable[[str], object]] = {
    "space": lambda text: resolve_space(text, channels=3),
    "strategy": resolve_strategy,
    "suite": lambda text: text == "none" or suite(text),
    "transform": lambda text: (
        resolve_attack(text) if re.match(r"\w+", text)[0] in ATTACKS.names() else describe_transform(text)
    ),  # type: ignore[index]
    "invariant": lambda text: resolve_group(text, channels=3),
    "method": lambda text: [METHODS.resolve(each) for each in split_list(text)],
}
"""What the command itself makes of an option's text, once it runs."""


def parse(words: list[str]) -> None:
    """What the command line does before anything runs, and what it makes of names in options."""
    command = APP
    while subcommands := getattr(command, "commands", None):
        if words and words[0] in ("--help", "--version"):
            return
        assert words, "expected a command after the group"
        assert words[0] in subcommands, f"expected one of {', '.join(subcommands)}, got {words[0]}"
        command, words = subcommands[words[0]], words[1:]
    try:
        context = command.make_context("negatoscope", [*words])
    except typer.Exit:  # of --help
        return
    for name, read in READERS.items():
        value = context.params.get(name)
        for text in [value] if isinstance(value, str) else value or ():
            read(text)


def test_there_are_commands_and_examples_to_try() -> None:
    assert len(LINES) > 80
    assert len(PYTHON) > 15


@pytest.mark.parametrize("words", LINES.values(), ids=LINES)
def test_a_command_is_one_that_the_command_line_takes(words: list[str]) -> None:
    if words[0] == "negatoscope":
        parse(words[1:])
    elif words[0] == "make":
        for word in words[1:]:
            name, is_setting, _ = word.partition("=")
            assert re.search(rf"^{name} \?=" if is_setting else rf"^{name}:", MAKEFILE, re.MULTILINE), word
    else:
        assert importlib.util.find_spec(words[2]), words[2]


@pytest.mark.parametrize("code", PYTHON.values(), ids=PYTHON)
def test_an_example_calls_what_there_is_with_arguments_that_it_takes(code: str) -> None:
    tree = ast.parse(code)
    names, wrong = dict[str, Any](), list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.asname or each.name: negatoscope for each in node.names if each.name == "negatoscope"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("negatoscope"):
            module = importlib.import_module(str(node.module))
            names |= {each.asname or each.name: getattr(module, each.name) for each in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found(node, names)
        elif isinstance(node, ast.Call) and callable(function := found(node.func, names)):
            try:
                bind(function, node)
            except (TypeError, InputError) as error:
                wrong.append(f"{ast.unparse(node)}: {error}")
    assert wrong == []


def found(node: ast.AST, names: Mapping[str, Any]) -> Any:
    """What a name stands for, or an attribute of the package; None where only running the example would tell."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = found(node.value, names)
        return getattr(owner, node.attr) if inspect.ismodule(owner) or inspect.isclass(owner) else None
    return None


def bind(function: Callable[..., Any], call: ast.Call) -> None:
    if inspect.isclass(function) and issubclass(function, Exception):
        return  # they take anything
    positional = [None for argument in call.args if not isinstance(argument, ast.Starred)]
    keywords = {str(each.arg): None for each in call.keywords if each.arg}
    whole = len(positional) == len(call.args) and len(keywords) == len(call.keywords)
    signature = inspect.signature(function)
    (signature.bind if whole else signature.bind_partial)(*positional, **keywords)
    options = [name for name, each in signature.parameters.items() if each.kind is each.VAR_KEYWORD]
    if options == ["options"]:
        expect_known({name: None for name in keywords if name not in signature.parameters}, signature.parameters)


def test_what_is_wrong_in_a_document_would_be_found() -> None:
    for line in (
        "audit model.onnx",
        "audit m.onnx --data d --no-such-option",
        "audit m.onnx --data d --limit many",
        "no_such_command",
    ):
        with pytest.raises(Exception, match=r"(?i)missing|no such option|valid integer|expected one of"):
            parse(line.split())
    with pytest.raises(negatoscope.errors.SpecError, match="expected the name of a transform"):
        parse(["audit", "m.onnx", "--data", "d", "--transform", "negativ"])
    with pytest.raises(AssertionError, match="overwritten"):
        test_an_example_calls_what_there_is_with_arguments_that_it_takes(
            "import negatoscope as ng\nng.compare(1, 2, overwritten=True)"
        )
    with pytest.raises(AttributeError, match="audits"):
        test_an_example_calls_what_there_is_with_arguments_that_it_takes("import negatoscope as ng\nng.audits(1, 2)")
