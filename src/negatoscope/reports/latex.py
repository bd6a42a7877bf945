"""Tables in LaTeX."""

from collections.abc import Sequence

_ESCAPES = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": "$<$",
        ">": "$>$",
        "|": "$|$",
        "\u2212": "$-$",
        "\u00d7": r"$\times$",
        "–": "--",
    }
)


def latex_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A ``tabular`` with the rules of booktabs; its first column stands to the left, others to the right."""
    rows = [" & ".join(cell.translate(_ESCAPES) for cell in line) + r" \\" for line in (header, *lines)]
    start = rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}"
    return "\n".join([start, r"\toprule", rows[0], r"\midrule", *rows[1:], r"\bottomrule", r"\end{tabular}"]) + "\n"
