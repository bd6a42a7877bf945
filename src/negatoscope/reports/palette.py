"""The colors of all pages and figures: style sheets, charts inside pages and exported figures take them from here."""

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "paper": "#faf9f6",
    "ink": "#1a1b1e",
    "soft": "#5a5d63",
    "line": "#e2e0da",
    "faint": "#efede8",
    "before": "#0a66a8",
    "after": "#b84a00",
    "good": "#14693f",
    "bad": "#a8320f",
    "film": "#17181a",
}
"""A page on a light screen: `before` is of clean images, `after` of transformed ones."""

DARK: Mapping[str, str] = {
    "paper": "#131415",
    "ink": "#eceae5",
    "soft": "#a3a5a9",
    "line": "#303236",
    "faint": "#222427",
    "before": "#6bb5f2",
    "after": "#ff9c5b",
    "good": "#6fcf97",
    "bad": "#ff8a70",
    "film": "#08090a",
}
"""A page on a dark screen."""

PRINT: Mapping[str, str] = {**LIGHT, "paper": "#ffffff", "ink": "#222222", "soft": "#666666", "line": "#dddddd"}
"""A printed page, and every figure that is a file."""

TEST_IMAGES, NEGATIVES = "#0072b2", PRINT["after"]
CORRECT, MISCLASSIFIED = "#00694a", "#b03a00"
UNDECIDED = "#888888"
"""In the figures of the paper's reproduction."""

NOTEBOOK: Mapping[str, str] = {"line": "#888888", "before": "#2f86c9", "after": "#d9681a"}
"""On a background that is not ours: of middle tone."""


def css_variables(palette: Mapping[str, str]) -> str:
    """A palette as custom properties of a style sheet: ``--paper: #faf9f6; --ink: ...``."""
    return " ".join(f"--{name}: {color};" for name, color in palette.items())
