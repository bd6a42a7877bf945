"""The papers' claims with what each recipe says of them, on one page."""

from collections.abc import Sequence

from negatoscope.files import write_whole
from negatoscope.reports.formatting import MISSING, joined
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.paper import DATASETS, dataset_name
from negatoscope.reproduce.table1_document import Table1, read_table1
from negatoscope.stores import AnyPath
from negatoscope.studies.claims import Claim, judge_claims
from negatoscope.studies.claims_finding import ClaimVerdict, Finding, Judgement
from negatoscope.studies.discussion_report import read_discussion
from negatoscope.studies.discussion_result import Discussion
from negatoscope.studies.sensitivity_report import read_sensitivity
from negatoscope.studies.sensitivity_result import SensitivityResult

_INTRODUCTION = """\
# What the papers claim, and what each recipe says of it

Hosseini and Poovendran 2017 (arXiv 1703.06857v1) claim that networks do not recognize negatives; the same authors'
later paper (arXiv 1803.07739) says when they do. Each of their sentences that can be tested stands here, in quotation
marks where the words are theirs, and is judged for each recipe of the [panel](reproduce.md) by itself: what holds for
one need not hold for another. A verdict takes three runs, or it is *undecided*. A mean lies above or below a threshold
where its 95 % t interval over runs does; claims on one choice have the verdict of the [study](sensitivity.md) on it.
Claims on adversarially trained networks are judged for each ε, and hold *in part* where these differ. Others rest on
[experiments](discussion.md) with the recipe `sgd` and with other networks, which are then named in a recipe's place.

Made by `{command}` from the result documents named below: more runs can overturn a verdict."""

_ORDER: tuple[ClaimVerdict, ...] = ("holds", "holds in part", "does not hold", "undecided", "not tested")


def write_claims(
    table1: AnyPath, sensitivity: AnyPath, *, out: AnyPath, command: str, discussion: AnyPath | None = None
) -> AnyPath:
    """Judge the claims and write them as Markdown.

    Args:
        table1: The folder that `reproduce table1` wrote.
        sensitivity: The folder that `reproduce sensitivity` wrote.
        out: The page.
        command: Recorded on the page.
        discussion: The folder that `reproduce discussion` wrote; None where it was not run.

    Raises:
        DataError: A folder does not hold the document.
        OutputError: `out` cannot be written.
    """
    experiments = None if discussion is None else read_discussion(discussion)
    page = claims_page(read_table1(table1), read_sensitivity(sensitivity), experiments, command=command)
    write_whole(out, page.encode())
    return out


def claims_page(
    table1: Table1, sensitivity: SensitivityResult, discussion: Discussion | None = None, *, command: str
) -> str:
    """Markdown: the verdicts in one table, then each claim with its test and its numbers by recipe."""
    findings = judge_claims(table1, sensitivity, discussion)
    datasets = list(dict.fromkeys([*DATASETS, *(each.dataset for _, found in findings for each in found.judgements)]))
    lines = [
        [str(place), _text(claim), *(_verdicts(found.judgements, dataset) for dataset in datasets)]
        for place, (claim, found) in enumerate(findings, start=1)
    ]
    results: list[Table1 | SensitivityResult | Discussion] = [table1, sensitivity]
    results += [discussion] if discussion else []
    smoke = [result.provenance.command for result in results if result.fast]
    parts = [
        _INTRODUCTION.format(command=command),
        *(f"**NO RESULTS: `{made_by}` was a smoke run.**" for made_by in smoke),
        markdown_table(["", "Claim", *map(dataset_name, datasets)], lines),
    ]
    for place, (claim, found) in enumerate(findings, start=1):
        parts += [f"## {place}. {_text(claim)}", f"{claim.source}. {found.test}"]
        parts += [_table(found)] if found.judgements else []
    return "\n\n".join([*parts, f"Made from {joined([_source(result) for result in results])}."]) + "\n"


def _source(result: Table1 | SensitivityResult | Discussion) -> str:
    made, source = "", result.provenance
    if not isinstance(result, Table1):
        made = f" ({result.made_runs} of {result.planned_runs} planned runs)"
    return f"`{source.command}`{made}, put together at commit {source.commit or MISSING}, {source.created}"


def _text(claim: Claim) -> str:
    return f"\u201c{claim.text}\u201d" if claim.quoted else claim.text


def _verdicts(judgements: Sequence[Judgement], dataset: str) -> str:
    """Which recipes say what of a dataset."""
    recipes: dict[str, list[str]] = {}
    for each in judgements:
        if each.dataset == dataset:
            recipes.setdefault(each.verdict, []).append(each.recipe)
    if list(recipes) == ["undecided"]:
        return "undecided"
    parts = [f"**{verdict}** ({_listed(recipes[verdict])})" for verdict in _ORDER if verdict in recipes]
    return "; ".join(parts) or ("nothing run" if judgements else "not tested")


def _listed(names: Sequence[str]) -> str:
    return " / ".join(names) if any("," in name for name in names) else joined(names)


def _table(found: Finding) -> str:
    lines = [
        [dataset_name(each.dataset), each.recipe, str(each.seeds or MISSING), each.numbers, each.verdict]
        for each in found.judgements
    ]
    return markdown_table(["Dataset", "Recipe", "Runs", "Found", "Verdict"], lines)
