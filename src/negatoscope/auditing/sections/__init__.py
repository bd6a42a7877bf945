"""The sections of an audit's page: each is one registered function, in a module of this folder or of another package.

A section is added with one file here, and nothing else; the page, its contents and the exported figures follow::

    @register_section
    def hardest_class(report: Report) -> Section | None:
        '''The class with the lowest accuracy on clean images.'''
        worst = report.summary.clean.worst_class
        if worst is None:
            return None
        return Section(title="Hardest class", place=55, body=Markup("<p>{}</p>").format(worst.name))

`place` is where it stands among the others. Another package names its functions as entry points of the group
``negatoscope.sections``.
"""

from collections.abc import Callable

from negatoscope.auditing.page_contents import Report as Report
from negatoscope.registry import Registry
from negatoscope.reports.page import Section as Section
from negatoscope.reports.page import render_section as render_section

SECTIONS: Registry[Callable[[Report], Section | None]] = Registry("section", "negatoscope.auditing.sections")
"""Every section by its name, which is its anchor in the page; a section that has nothing to show is None."""

register_section = SECTIONS.register
"""Add a section under its function's name; use it as a decorator."""


def make_sections(report: Report) -> dict[str, Section]:
    """The sections that have something to show by name, in their order."""
    made = {name: SECTIONS.get(name)(report) for name in SECTIONS.names()}
    shown = {name: section for name, section in made.items() if section is not None}
    return dict(sorted(shown.items(), key=lambda item: item[1].place))
