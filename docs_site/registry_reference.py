"""Pages of what has a name in specs: transforms, spaces, suites, attacks and more, as `negatoscope list` has them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from docs_site.docstrings import cell
from docs_site.pictures import picture
from negatoscope.attacks import ATTACKS
from negatoscope.attacks.strategies import STRATEGIES
from negatoscope.data import DATASETS
from negatoscope.descriptions import Description, Parameter, ParameterRange
from negatoscope.hardening import METHODS
from negatoscope.models import describe_models
from negatoscope.transforms import describe_transforms
from negatoscope.transforms.groups import GROUPS
from negatoscope.transforms.spaces import describe_spaces
from negatoscope.transforms.suites import describe_suites

KINDS: Mapping[str, tuple[Callable[[], Sequence[Description]], str]] = {
    "transforms": (describe_transforms, "What happens to images: `--transform`, suites and spaces are made of them."),
    "suites": (describe_suites, "Transforms that an audit runs together: `--suite`."),
    "spaces": (describe_spaces, "What a search explores: `--space`."),
    "attacks": (ATTACKS.describe, "Searches that use the classifier; an audit takes them as `--transform`."),
    "strategies": (STRATEGIES.describe, "How a search proposes its next setting: `--strategy`."),
    "groups": (GROUPS.describe, "What a classifier is hardened against: `--invariant`."),
    "methods": (METHODS.describe, "How a classifier is hardened: `--method`."),
    "datasets": (DATASETS.describe, "Published images: `--data`."),
    "models": (describe_models, "Which kinds of classifiers can be opened."),
}


def registry_pages() -> dict[str, str]:
    """A page for each kind."""
    return {f"docs/reference/{kind}.md": "\n".join(_page(kind)) for kind in KINDS}


def _page(kind: str) -> Iterator[str]:
    describe, lead = KINDS[kind]
    yield from (
        f"# {kind.capitalize()}",
        "",
        lead,
        f"`negatoscope list {kind}` shows the same, with those of other packages.",
        "",
    )
    for entry in describe():
        yield from (f"## {entry.name}", "", entry.summary, "")
        if kind == "transforms":
            yield from (picture(entry.name), "")
        if entry.kind in ("label_preserving", "path", "control"):
            yield from (f"Kind: {entry.kind.replace('_', '-')}.", "")
        if entry.parameters:
            yield from (
                "| parameter | type | default | range | what it is |",
                "|---|---|---|---|---|",
            )
            yield from map(_row, entry.parameters)
            yield ""
        yield from (f"- `{spec}`" for spec in entry.contains)
        if entry.contains:
            yield ""
        if entry.source:
            yield from (f"**Source**: {entry.source}", "")


def _row(parameter: Parameter) -> str:
    default = "required" if parameter.required else f"`{parameter.default!r}`"
    cells = (f"`{parameter.name}`", parameter.type, default, _range(parameter.range), parameter.description)
    return f"| {' | '.join(map(cell, cells))} |"


def _range(range: ParameterRange | None) -> str:
    if range is None:
        return ""
    ends = f"{range.low:g} to {range.high:g}"
    return ends if range.identity is None else f"{ends}; {range.identity:g} changes nothing"
