"""Plain text → a fragment of HTML and its text by heading. Runs inside the sandbox."""

import re
from collections.abc import Iterator
from html import escape
from textwrap import dedent

from ingest import repair
from ingest.markdown import Section

_WRAPPED_FROM = 50  # columns; shorter lines are verse, addresses and lists, which stay lines
_HEADING_CHARACTERS = 90
_HEADING = re.compile(
    r"(第 ?[一二三四五六七八九十百零〇0-9]{1,5} ?[章节節讲講课課回部篇编編单單]"
    r"|[一二三四五六七八九十]{1,3}、"
    r"|\d{1,2}(\.\d{1,2}){0,3}\.?[ \t、])\s*\S"
)
_RULE = re.compile(r"\s*([-=*_~─═])\1{3,}\s*")
_SPACES = str.maketrans("\f\u00a0", "\n ")
_DRAWN = re.compile(r"[│┌└├─┼║╔]|\S {3,}\S|\S\t+\S")


def render(source: str) -> tuple[str, list[Section]]:
    """An HTML fragment (headings ``h2``, ids ``section-N``) and the text under each heading.

    Lines that an editor broke at its margin are put together; tables drawn with spaces stay as they are.
    """
    sections = [Section(0, "")]
    html: list[str] = []
    for block in _blocks(source):
        if all(_RULE.fullmatch(line) for line in block):
            html.append("<hr>")
            continue
        heading = _heading(block)
        if heading:
            sections.append(Section(len(sections), heading))
            html.append(f'<h2 id="section-{len(sections) - 1}">{escape(heading)}</h2>')
            continue
        drawn = sum(1 for line in block if _DRAWN.search(line.strip())) * 2 >= len(block)
        words = dedent("\n".join(block)) if drawn else _unwrapped(block)
        sections[-1].lines += [words, ""]
        html.append(f"<pre>{escape(words)}</pre>" if drawn else f"<p>{_lines(words)}</p>")
    return "\n".join(html), sections


def _blocks(source: str) -> Iterator[list[str]]:
    """Lines between blank lines."""
    block: list[str] = []
    for line in [*source.translate(_SPACES).split("\n"), ""]:
        if line.strip():
            block.append(line.rstrip())
        elif block:
            yield block
            block = []


def _heading(block: list[str]) -> str:
    """The words of a block that is a numbered or underlined heading, else nothing."""
    if len(block) == 2 and _RULE.fullmatch(block[1]) and not block[0].startswith(" "):
        return repair.clean(block[0], typeset=False)
    words = _unwrapped(block).replace("\n", " ")
    if len(block) > 2 or block[0][0].isspace() or not _HEADING.match(words):
        return ""
    ends = words.endswith(("。", "；", "，", ".", ";", ",", "：", ":"))
    return "" if ends or len(words) > _HEADING_CHARACTERS else repair.clean(words, typeset=False)


def _unwrapped(block: list[str]) -> str:
    return repair.join_lines("\n".join(line.strip() for line in block), wrapped_from=_WRAPPED_FROM)


def _lines(words: str) -> str:
    return "<br>".join(map(escape, words.split("\n")))
