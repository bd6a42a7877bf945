"""One vocabulary: names are made of the glossary's words and plain English, and the words of old are gone."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import negatoscope
from negatoscope.cli.main import app
from negatoscope.rows import SCHEMA

TOP = Path(__file__).parents[1]
SOURCES = sorted((TOP / "src" / "negatoscope").rglob("*.py"))
PAGE = (TOP / "docs" / "glossary.md").read_text(encoding="utf-8")
GLOSSARY = {
    word for term in re.findall(r"\*\*(.+?)\*\*", PAGE) for word in re.findall(r"[a-z]+", term.lower().rstrip("s"))
}

ENGLISH = {
    *("a", "accelerators", "b", "as", "by", "compare", "data", "dir", "download", "expect", "fail", "fast", "json"),
    *("key", "kind", "limit", "load", "max", "name", "network", "open", "out", "output", "paper", "predict", "save"),
    *("sensitivity", "split", "table", "train", "under", "unreadable", "validation", "version", "weight", "candidate"),
    *("fgsm", "pgd", "order", "interval", "parameters", "hash", "test", "show", "search", "verify", "harden", "list"),
    *("overwrite", "format", "html", "no", "on", "more", "inspect", "only", "report", "fold"),
    *("keep", "read", "columns", "hardened", "at", "least", "address"),
}
"""What needs no explanation: plain words, and names of attacks that the glossary gives as examples."""

OLD_WORDS = {
    *("told", "tells", "wants", "wanted", "said", "says", "met", "looking", "looked", "surest", "parted", "shelf"),
    *("watcher", "watched", "watches", "moments", "grey", "greyscale", "colour", "colours", "mirror"),
    *("mirrored", "lay", "wrong", "observer", "observe"),
}
OLD_NAMES = {
    *("AuditClassifier", "Change", "Choice", "Copy", "Fit", "Found", "Moment", "Shelf", "Step", "Trained"),
    *("Attacked", "Wants", "Watcher", "ask", "lay_out", "rising_curve", "falling_curve", "meaning", "crop_share"),
}


def words_of(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def defined_in(tree: ast.Module) -> Iterator[str]:
    """Every name that a module gives to something: functions, classes, arguments, variables, keys of documents."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def options() -> set[str]:
    tree = get_command(app).commands  # type: ignore[attr-defined]
    commands = [inner for group in tree.values() for inner in getattr(group, "commands", {"": group}).values()]
    return {str(parameter.name) for command in commands for parameter in command.params}


def is_known(word: str) -> bool:
    forms = {word, word.removesuffix("s"), word.removesuffix("es"), f"{word.removesuffix('ies')}y"}
    return bool(forms & (GLOSSARY | ENGLISH))


@pytest.mark.parametrize("names", [set(negatoscope.__all__), set(SCHEMA.names), options()], ids=["api", "rows", "cli"])
def test_what_users_write_is_made_of_words_of_the_glossary(names: set[str]) -> None:
    assert {name for name in names if not all(map(is_known, words_of(name)))} == set()


def test_no_word_of_the_old_dialect_names_anything() -> None:
    found = {
        f"{path.relative_to(TOP)}: {name}"
        for path in SOURCES
        for name in defined_in(ast.parse(path.read_text(encoding="utf-8")))
        if name in OLD_NAMES or set(words_of(name)) & OLD_WORDS
    }
    assert found == set()


def test_no_two_public_classes_have_one_name() -> None:
    classes = Counter(
        node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in classes.items() if count > 1} == set()


def test_every_word_of_the_glossary_is_used_in_the_code() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES).lower()
    assert {word for word in GLOSSARY if not re.search(rf"{word}", text)} == set()


def test_the_glossary_is_in_plain_english() -> None:
    assert not set(words_of(PAGE)) & (OLD_WORDS - {"wrong"})
