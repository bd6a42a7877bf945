"""The ledger of the papers' claims, as one page."""

from collections.abc import Sequence

from negatoscope.documents import Document
from negatoscope.reports.formatting import MISSING, joined
from negatoscope.reports.markdown import markdown_table

_INTRODUCTION = """\
# What the papers claim, and what we found

Hosseini and Poovendran 2017 (arXiv 1703.06857v1) claim that networks do not recognise negatives; the same
authors' later paper (arXiv 1803.07739) says when they do. Each of their sentences that can be tested stands
here with our test. The full text of the first version was not at hand: what stands in quotation marks is from
an abstract, the rest is in our words.

Made by `{command}` from two result documents, by the rules
at the end of the page: more seeds can overturn a verdict."""


def claims_page(claims: Sequence[Document], *, rules: str, command: str, sources: Sequence[Document] = ()) -> str:
    """Markdown: the verdicts in one table, then each claim with its test and its numbers.

    Args:
        claims: What `judge_claims` gives.
        rules: How verdicts come about.
        command: How the page was made.
        sources: The provenance of the documents that it is made from.
    """
    lines = [[str(place), _said(claim), f"**{claim['verdict']}**"] for place, claim in enumerate(claims, start=1)]
    parts = [
        _INTRODUCTION.format(command=command),
        *_warnings(sources),
        markdown_table(["", "Claim", "Verdict"], lines),
    ]
    for place, claim in enumerate(claims, start=1):
        parts.append(f"## {place}. {claim['text'].rstrip('.')}: {claim['verdict']}")
        told = [f"Claimed in {claim['source']}.", f"*Test:* {claim['test']}"]
        told += [f"*Numbers:* {claim['numbers'].rstrip('.')}."] if claim["numbers"] else []
        told += [f"*Condition:* {claim['condition']}."] if claim["condition"] else []
        parts.append("\n".join(f"- {line}" for line in told))
    return "\n\n".join([*parts, f"## The rules\n\n{rules.strip()}", *_sources(sources)]) + "\n"


def _said(claim: Document) -> str:
    return f"\u201c{claim['text']}\u201d" if claim["quoted"] else str(claim["text"])


def _warnings(sources: Sequence[Document]) -> list[str]:
    smoke = [source["command"] for source in sources if source["settings"]["fast"]]
    return [f"**NO RESULTS: `{command}` was a smoke run.**" for command in smoke]


def _sources(sources: Sequence[Document]) -> list[str]:
    told = []
    for source in sources:
        runs = source.get("runs")
        part = f" ({runs['made']} of {runs['planned']} runs that are planned)" if runs else ""
        told.append(
            f"`{source['command']}`{part}, put together at commit {source['commit'] or MISSING}, {source['created']}"
        )
    return [f"Made from {joined(told)}."] if told else []
