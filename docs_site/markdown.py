"""Markdown to HTML, with an id for each heading as GitHub gives it, and what a search finds on the page."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

LANGUAGES = {
    "console": "console",
    "sh": "bash",
    "bash": "bash",
    "python": "python",
    "toml": "toml",
    "yaml": "yaml",
    "json": "json",
    "bibtex": "bibtex",
}
HTML = re.compile(r"<!--.*?-->|</?(?:br|details|summary|kbd|sub|sup)\s*/?>", re.DOTALL)
"""The HTML that pages may hold."""
ADDRESS = re.compile(r"https?://[^\s<>]*[^\s<>.,;:)\]]|\barXiv (\d{4}\.\d{4,5}(?:v\d+)?)")
"""What is a link without marks, too, as where the repository is hosted; and a paper's number."""

UNBROKEN = re.compile(r"\d %|\[[-−+±\d.,% ]+\]")
"""Percentages and intervals, which stay on one line."""

LONG_WORD = 36
"""More characters of code without a space than this may break on a phone."""


@dataclass(frozen=True)
class Heading:
    """A heading: its level from 1, its id, and its text."""

    level: int
    id: str
    text: str


@dataclass
class Rendered:
    """A page in HTML.

    Args:
        html: Its body.
        headings: In their order.
        texts: What stands under each heading, as plain words.
        problems: What is wrong with it, each a part of a sentence.
    """

    html: str = ""
    headings: list[Heading] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Its first heading."""
        return self.headings[0].text if self.headings else ""


def render(text: str, *, rewrite: Callable[[str], str], title: Callable[[str], str], with_html: bool) -> Rendered:
    """The HTML of a page.

    Args:
        text: Markdown.
        rewrite: The address of a link or a picture to the one that the site has.
        title: What a page is called, by the address of a link to it: for links whose text is their address.
        with_html: Whether comments and a few tags are allowed; otherwise what looks like one is text.
    """
    parser = MarkdownIt("commonmark", {"html": with_html}).enable(["table", "strikethrough"])
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    tokens = parser.parse(text)
    page = Rendered()
    for token in _all_of(tokens):
        if token.type == "inline":
            token.children = list(_linked(token.children or ()))
        for link, words in pairwise(token.children or ()):
            if link.type == "link_open" and words.content == link.attrs["href"]:
                words.content = title(words.content) or words.content
        for name in ("href", "src"):
            if name in token.attrs:
                token.attrs[name] = rewrite(str(token.attrs[name]))
        if token.type in ("html_block", "html_inline") and HTML.sub("", token.content).strip():
            page.problems.append(f"expected no HTML but comments, <br>, <details>, got {token.content.strip()!r:.80}")
        if token.type == "fence" and token.info.strip() not in ("", *LANGUAGES):
            page.problems.append(f"expected a block of {', '.join(LANGUAGES)}, got {token.info.strip()!r:.80}")
    for token, words, end in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.type == "th_open" and not words.content:  # a head without words is none to who hears the page
            token.tag = end.tag = "td"
    _outline(tokens, page)
    if not page.headings:
        page.problems.append("expected a heading, got none")
    page.html = parser.renderer.render(tokens, parser.options, {})
    return page


def _outline(tokens: Sequence[Token], page: Rendered) -> None:
    """Give each heading its id, and gather headings and the words under them."""
    seen: dict[str, int] = {}
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            words = plain(tokens[position + 1])
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            token.attrs["id"] = f"{slug}-{seen[slug]}" if seen[slug] else slug
            tokens[position + 2].meta["id"] = token.attrs["id"]
            page.headings.append(Heading(int(token.tag[1]), str(token.attrs["id"]), words))
            page.texts.append("")
        elif (
            token.type in ("inline", "fence", "code_block")
            and page.texts
            and tokens[position - 1].type != "heading_open"
        ):
            page.texts[-1] += " " + " ".join(plain(token).split())


def plain(token: Token) -> str:
    """The words of a token, without marks."""
    if token.children is None:
        return token.content
    spaces = ("softbreak", "html_inline")
    words = [" " if each.type in spaces else each.content for each in token.children if each.type != "image"]
    return "".join(words)


def _linked(children: Sequence[Token]) -> Iterator[Token]:
    """The parts of a line, with addresses that stand in its text as links."""
    within = 0
    for token in children:
        within += token.nesting if token.tag == "a" else 0
        at = 0
        for found in () if within or token.type != "text" else ADDRESS.finditer(token.content):
            href = f"https://arxiv.org/abs/{found[1]}" if found[1] else found[0]
            yield Token("text", "", 0, content=token.content[at : found.start()])
            yield Token("link_open", "a", 1, attrs={"href": href})
            yield Token("text", "", 0, content=found[0])
            yield Token("link_close", "a", -1)
            at = found.end()
        yield Token("text", "", 0, content=token.content[at:]) if at else token


def _all_of(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all_of(token.children or ())


def _fence(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    language = LANGUAGES.get(token.info.strip())
    code = escape(token.content, quote=False)
    if language:
        code = highlight(token.content, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    return f'<div class="code"><pre tabindex="0"><code>{code}</code></pre></div>\n'


def _text(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    text = escape(tokens[index].content, quote=False)
    return UNBROKEN.sub(lambda found: found[0].replace(" ", "\u00a0"), text)


def _code_inline(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Code whose lines may break at spaces, and where a word is long also behind marks, but within no shorter word."""
    words = []
    for word in tokens[index].content.split(" "):
        marks = "/|,=(_." if len(word) > LONG_WORD else "|"
        parts = re.findall(rf".+?(?:[{marks}]+|$)", word)
        words.append("<wbr>".join(map(_unbroken, parts)))
    return f"<code>{' '.join(words)}</code>"


def _unbroken(part: str) -> str:
    text = escape(part, quote=False)
    return text if len(part) > LONG_WORD else f"<span>{text}</span>"


def _heading_close(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    if token.tag == "h1":
        return "</h1>\n"
    link = f'<a class="anchor" href="#{token.meta["id"]}" aria-label="Link to this part">#</a>'
    return f" {link}</{token.tag}>\n"


def _table_open(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="scroll" tabindex="0" role="group" aria-label="Table">\n<table>\n'


def _table_close(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table>\n</div>\n"


_RULES = {
    "text": _text,
    "code_inline": _code_inline,
    "fence": _fence,
    "code_block": _fence,
    "heading_close": _heading_close,
    "table_open": _table_open,
    "table_close": _table_close,
}
