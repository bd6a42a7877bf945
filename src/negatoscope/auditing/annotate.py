"""A file in which to say whose label each transform keeps: the start of an annotation."""

import json
from collections.abc import Mapping, Sequence

from negatoscope.data import Dataset
from negatoscope.data.sources import sources
from negatoscope.registry import Spec
from negatoscope.transforms import TRANSFORMS, describe_transform
from negatoscope.transforms.label_preserving import ASSUMED, annotate, packaged_rules
from negatoscope.transforms.suites import suite

_HEAD = """\
# Which classes of these data keep their label under which transform: read it, correct it, and give it to an audit,
#     negatoscope audit MODEL --data DATA --label-preserving FILE
# What stands here without a "#" in front is from then on what you say of your data, and no longer assumed.
#
# `lost` lists the classes that lose their label: [] is none, "all" is every one; or write `preserved` and list those
# that keep it. In doubt, a class loses it. `where` says for which settings a rule holds: one value, or from the first
# to the second. The first rule that holds decides. The classes:
{classes}

[{table}]
# Are they those of {datasets}? Then its rules serve, too; map your names to its names:
# same_as = "mnist"
# class_names = {{ "zero" = "0", "one" = "1" }}
"""
_ASSUMED = """\
# Assumed so far. Even the negative changes a label where brightness is the class, for example light on/off, or
# day/night.
"""
_UNKNOWN = """\
# Not annotated so far. Correct `lost` and remove the "# " in front; what stays a comment is shown apart.
"""


def annotation_toml(dataset: Dataset) -> str:
    """Label-preserving rules for a dataset as TOML, to be corrected: what is known, what is assumed, and what is not.

    Every label-preserving transform of the largest suite stands there once. What is known or assumed is a rule, the
    others are comments, so an audit with the file as it is counts what one without it counts.
    """
    table = _text(dataset.spec)
    known = {name: source.class_names for name, source in sources().items()}
    facts = [entry for entry in map(describe_transform, suite("all").specs) if entry.kind == "label_preserving"]
    names = dataset.class_names
    annotations = [(entry.spec, annotate(dataset.spec, names, entry.spec, known=known)) for entry in facts]
    classes = "\n".join(f"#     {_text(name)}" for name in names)
    parts = [_HEAD.format(classes=classes, table=table, datasets=" or ".join(sorted(known)))]
    for spec, annotation in annotations:
        if annotation.basis == "annotated":
            keeps = zip(names, annotation.preserved, strict=True)
            lost = "[" + ", ".join(_text(name) for name, is_kept in keeps if not is_kept) + "]"
            parts.append(_rule(table, spec.name, _settings(spec), lost))
    assumed = {spec.name for spec, annotation in annotations if annotation.basis == "assumed"}
    rules = [rule for rule in packaged_rules()[ASSUMED].rules if rule.transform in assumed]
    parts += [_ASSUMED] if rules else []
    parts += [f"# {rule.reason}\n{_rule(table, rule.transform, rule.where, '[]')}" for rule in rules]
    unknown = [spec for spec, annotation in annotations if annotation.basis == "nothing"]
    parts += [_UNKNOWN] if unknown else []
    parts += [_commented(_rule(table, spec.name, _settings(spec), "[]")) for spec in unknown]
    return "\n".join(parts)


def _rule(table: str, transform: str, where: Mapping[str, object], lost: str) -> str:
    settings = ", ".join(f"{name} = {_text(value)}" for name, value in where.items())
    lines = [f"[[{table}.rules]]", f"transform = {_text(transform)}", f"where = {{ {settings} }}", f"lost = {lost}"]
    return "\n".join(lines if settings else [*lines[:2], lines[3]]) + "\n"


def _settings(spec: Spec) -> dict[str, object]:
    """Every parameter of a transform with its value."""
    defaults = {name: parameter.default for name, parameter in TRANSFORMS.settings(spec.name).items()}
    return defaults | dict(spec.arguments)


def _commented(block: str) -> str:
    return "".join(f"# {line}\n" for line in block.splitlines())


def _text(value: object) -> str:
    """A value as TOML, which writes texts, numbers and lists as JSON does, but for one letter."""
    plain = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
