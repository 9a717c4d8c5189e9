"""Markdown → a fragment of harmless HTML, and its text by heading. Runs inside the sandbox."""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape, unescape

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingest import repair

# fmt: off
_TAGS = frozenset({
    "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "div", "blockquote", "pre", "ul", "ol", "li", "dl", "dt", "dd",
    "table", "thead", "tbody", "tr", "th", "td", "caption", "details", "summary", "a", "span", "strong", "em", "b",
    "i", "u", "s", "del", "ins", "sup", "sub", "code", "kbd", "samp", "abbr",
})
# fmt: on
_DEEPEST = 4
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_DIRECTIVE = re.compile(
    r"^(bg|left|right|fit|cover|contain|auto|vertical|(w|h|width|height|left|right):?[\d.a-z%]*|[\d.%]+)$"
)
_EMPTY = re.compile(r"<p>\s*</p>\n?|(?<=>\n)(?:<br>\s*)+")
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(slots=True)
class Section:
    """The text under one heading. ``number`` from 1 is the N of its heading's id, ``section-N``; 0 has no heading."""

    number: int
    heading: str
    lines: list[str] = field(default_factory=list)


def render(source: str) -> tuple[str, list[Section]]:
    """A sanitised HTML fragment (headings ``h2`` to ``h4``, ids ``section-N``) and the text under each heading.

    Pictures are not fetched: their description stands in their place. Front matter is left out.
    """
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(_FRONT_MATTER.sub("", source, count=1))
    marker = secrets.token_hex(8)
    sections = _sections(tokens, marker)
    return sanitise(parser.renderer.render(tokens, parser.options, {}), marker), sections


def sanitise(html: str, marker: str = "-") -> str:
    """HTML without anything that runs, loads or looks like ours.

    No scripts, styles, handlers, forms, frames or pictures; links only to the web and mail; ids only where
    they carry our random ``marker``, so that a text cannot place anchors of its own.
    """

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "id":
            return value.removeprefix(marker) if value.startswith(marker) else None
        if attribute == "class":
            return value if re.fullmatch(r"language-[\w+#-]{1,30}|picture", value) else None
        return value

    clean = nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags={"script", "style", "iframe", "object", "svg", "math", "template", "noscript", "title"},
        attributes={
            "*": {"id"},
            "a": {"href", "title"},
            "abbr": {"title"},
            "code": {"class"},
            "span": {"class"},
            "ol": {"start"},
            "td": {"colspan", "rowspan"},
            "th": {"colspan", "rowspan", "scope"},
        },
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow ugc",
    )
    return _EMPTY.sub("", clean).strip()


def _sections(tokens: Sequence[Token], marker: str) -> list[Section]:
    """Number the headings in place and collect the text.

    Levels that the text uses become h2 to h4: the page has its own first heading, and slides skip levels.
    """
    sections = [Section(0, "")]
    levels = sorted({token.tag for token in tokens if token.type == "heading_open"})
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = _heading_text(tokens[position + 1])
            sections.append(Section(len(sections), heading))
            token.attrSet("id", f"{marker}section-{len(sections) - 1}")
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(_DEEPEST, 2 + levels.index(token.tag))}"
        if token.type == "inline":
            _replace_pictures(token)
            if tokens[position - 1].type != "heading_open":
                sections[-1].lines.append("".join(_words(token)))
        elif token.type in ("fence", "code_block"):
            sections[-1].lines.append(token.content)
        elif token.type == "html_block":
            sections[-1].lines.append(plain(token.content))
    return sections


def _heading_text(token: Token) -> str:
    return repair.clean("".join(_words(token)), typeset=False).replace("\n", " ")[:300]


def _words(token: Token) -> Iterator[str]:
    """The text of an inline token, as it is read aloud."""
    for child in token.children or ():
        if child.type in ("text", "code_inline"):
            yield child.content
        elif child.type in ("softbreak", "hardbreak"):
            yield "\n"
        elif child.type == "image":
            yield _described(child)
        elif child.type == "html_inline" and child.content.lower().startswith("<br"):
            yield "\n"
        elif child.type == "html_inline" and child.meta.get("picture"):
            yield child.meta["picture"]


def _replace_pictures(token: Token) -> None:
    for child in token.children or ():
        if child.type == "image":
            words = _described(child)
            child.type, child.tag, child.children = "html_inline", "", None
            child.meta = {"picture": words}
            child.content = f'<span class="picture">{escape(words)}</span>' if words else ""


def _described(image: Token) -> str:
    """A picture's description, without the layout words that slide tools keep there (``bg right:50%``)."""
    return " ".join(word for word in image.content.split() if not _DIRECTIVE.match(word))


def plain(html: str) -> str:
    """The text of an HTML fragment."""
    bare = nh3.clean(html, tags=set(), clean_content_tags={"script", "style", "iframe", "object", "svg", "template"})
    return _BLANK_LINES.sub("\n\n", unescape(bare)).strip()
