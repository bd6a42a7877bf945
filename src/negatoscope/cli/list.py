"""`negatoscope list`: what there is of each kind, with parameters, ranges and sources."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import flag
from negatoscope.cli.tables import print_table
from negatoscope.errors import SpecError, suggest

if TYPE_CHECKING:
    from negatoscope.descriptions import Description, Parameter


def list(
    kind: Annotated[
        str,
        typer.Argument(
            help="transforms, spaces, groups, suites, attacks, strategies, methods, datasets, models or recipes."
        ),
    ] = "",
    as_json: Annotated[bool, flag("--json", "Print a list of objects.")] = False,
) -> None:
    """Show every transform, space, group, suite, attack, strategy, method, dataset, kind of model or recipe.

    Those of other packages too.
    """
    if kind not in _LISTS:
        got = f"{kind!r:.80}" if kind else "none"
        raise SpecError(f"expected what to list, got {got}; {suggest(kind, _LISTS)}")
    with loading():
        entries: Sequence[Description] = resolve_name(_LISTS[kind])()
        from negatoscope.documents import to_plain
    if as_json:
        typer.echo(json.dumps([to_plain(entry) for entry in entries], indent=1))
    else:
        columns = ("name", "kind", "what it is", "parameters", "source")
        print_table(
            columns, [(e.name, e.kind, e.summary, _parameters(e), e.source) for e in entries], width=160, least=120
        )


def _recipes() -> "Sequence[Description]":
    """The recipes of the package, the parameters those that differ from the defaults."""
    from negatoscope.descriptions import Description, Parameter, type_name
    from negatoscope.training.recipe import PANEL, named_recipe

    entries = []
    for name in PANEL:
        recipe = named_recipe(name, "mnist")
        settings = [
            Parameter(f"{prefix}{field.name}", type_name(field.type), getattr(owner, field.name))
            for prefix, owner in (("", recipe), ("network.", recipe.network))
            for field in fields(owner)
            if field.name not in ("name", "network") and getattr(owner, field.name) != field.default
        ]
        summary = f"Trains the paper's network, on MNIST {recipe.epochs} epochs with {recipe.optimizer}."
        entries.append(Description(name, "recipe", summary, tuple(settings)))
    return entries


_LISTS: Mapping[str, str] = {
    "transforms": "negatoscope.transforms:describe_transforms",
    "spaces": "negatoscope.transforms.spaces:describe_spaces",
    "suites": "negatoscope.transforms.suites:describe_suites",
    "attacks": "negatoscope.attacks:ATTACKS.describe",
    "strategies": "negatoscope.attacks.strategies:STRATEGIES.describe",
    "groups": "negatoscope.transforms.groups:GROUPS.describe",
    "methods": "negatoscope.hardening:METHODS.describe",
    "datasets": "negatoscope.data:DATASETS.describe",
    "models": "negatoscope.models:describe_models",
    "recipes": "negatoscope.cli.list:_recipes",
}
"""What describes the entries of each kind; imported when it is asked for."""


def _parameters(entry: "Description") -> str:
    return "\n".join([*map(_parameter, entry.parameters), *entry.contains])


def _parameter(parameter: "Parameter") -> str:
    """As in "exponent: float, 0.25 to 4, 1 changes nothing"."""
    default = "" if parameter.required else f", default {parameter.default!r}"
    range = parameter.range
    ends = f", {range.low:g} to {range.high:g}" if range else ""
    identity = f", {range.identity:g} changes nothing" if range and range.identity is not None else ""
    return f"{parameter.name}: {parameter.type}{default}{ends}{identity}"
