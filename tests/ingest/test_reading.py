"""Markdown and plain text: a reading view that cannot do anything, and passages by heading."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import markdown, plaintext
from ingest.text import PASSAGE_CHARACTERS, cut

ALLOWED_ATTRIBUTES = {"id", "href", "title", "class", "start", "colspan", "rowspan", "scope", "rel"}
ACTIVE_TAGS = {"script", "style", "iframe", "img", "svg", "math", "form", "input", "object", "embed", "link", "base"}

ATTACKS = (
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    '<a href="vbscript:x">x</a>',
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "![x](http://127.0.0.1:9/p.png)",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></table><mglyph><style><img src=x onerror=alert(1)>",
    '<p style="background:url(http://127.0.0.1:9)">x</p>',
    '<div id="section-1" onclick="x()">x</div>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<form action=//x><input name=q>",
    '# a <a id="section-9" href="//evil.example">x</a>',
    "```x onload=alert(1)\n</code><script>1</script>\n```",
    "<base href=//x><link rel=stylesheet href=//x>",
    '<details open ontoggle="alert(1)">x</details>',
    "[x]: javascript:alert(1)\n\n[x]",
)


class Audit(HTMLParser):
    """Collects what a browser would find: tags, attributes, addresses, ids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "href":
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")


def check_harmless(html: str) -> Audit:
    audit = Audit(html)
    assert not audit.tags & ACTIVE_TAGS
    assert audit.attributes <= ALLOWED_ATTRIBUTES
    assert all(re.match(r"(https?://|mailto:)", link, re.IGNORECASE) for link in audit.links), audit.links
    assert audit.ids == [f"section-{number}" for number in range(1, len(audit.ids) + 1)]
    return audit


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_survives_that_could_act(attack: str) -> None:
    check_harmless(markdown.render(f"# 标题\n\n{attack}\n\n文字 {attack} 文字\n")[0])
    check_harmless(plaintext.render(f"第一章 标题\n\n{attack}\n")[0])


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from([*ATTACKS, "\n\n", "# ", "* ", "> ", "`", "<", ">", '"', "](", "&#x6A;", "文"]), max_size=12
    )
)
def test_no_mixture_of_attacks_survives(parts: list[str]) -> None:
    check_harmless(markdown.render("".join(parts))[0])


@given(st.text(max_size=300))
def test_any_text_is_shown(text: str) -> None:
    check_harmless(markdown.render(text)[0])
    check_harmless(plaintext.render(text)[0])


def test_headings_carry_ids_one_level_down_and_sections_their_text() -> None:
    html, sections = markdown.render("开头\n\n# 第一讲\n\n正文*重点*\n第二行\n\n## 第一节\n\n```c\nint x;\n```\n")
    assert '<h2 id="section-1">第一讲</h2>' in html
    assert '<h3 id="section-2">第一节</h3>' in html
    assert [(section.number, section.heading, section.lines) for section in sections] == [
        (0, "", ["开头"]),
        (1, "第一讲", ["正文重点\n第二行"]),
        (2, "第一节", ["int x;\n"]),
    ]


def test_slide_markdown_loses_its_layout_but_not_its_words() -> None:
    source = (
        "---\nmarp: true\nfooter: x\n---\n\n# 概述\n\n"
        "![bg right:53% 100%](figs/a.png)\n![进程 图](b.png)\n\n<style>p{}</style>\n"
    )
    html, sections = markdown.render(source)
    assert "marp" not in html
    assert "bg right" not in html
    assert '<span class="picture">进程 图</span>' in html
    assert "进程 图" in "".join(sections[1].lines)
    assert "p{}" not in html


def test_plain_text_headings_wrapped_lines_verse_and_drawn_tables() -> None:
    wrapped = (
        "本文档可在自由软件基金会发布的通用公共许可证第二版的条款\n"
        "规定下自由使用和复制，它同样适用于所有依据本文档修改而来\n"
        "的作品以及一同分发的材料。"
    )
    verse = "床前明月光，\n疑是地上霜。"
    table = "命令    含义\nls      列出"
    html, sections = plaintext.render(f"第一章 概述\n\n{wrapped}\n\n{verse}\n\n----------\n\n1.2. 获取\n\n{table}\n")
    assert '<h2 id="section-1">第一章 概述</h2>' in html
    assert "的条款规定下自由使用" in html
    assert "床前明月光，<br>疑是地上霜。" in html
    assert "<hr>" in html
    assert "<pre>命令    含义\nls      列出</pre>" in html
    assert [section.heading for section in sections] == ["", "第一章 概述", "1.2. 获取"]


def test_all_the_real_markdown_reads(data_dir: Path) -> None:
    for path in sorted((data_dir / "courseware" / "thu-os").rglob("*.md")):
        html, sections = markdown.render(path.read_text(encoding="utf-8"))
        check_harmless(html)
        assert sections, path.name


@given(st.text("文字。，\n .a", max_size=5000))
def test_cutting_keeps_every_character_but_blanks(text: str) -> None:
    parts = list(cut(text, 100))
    assert all(0 < len(part) <= 100 for part in parts)
    assert re.sub(r"\s", "", "".join(parts)) == re.sub(r"\s", "", text)


def test_cuts_fall_between_sentences() -> None:
    parts = list(cut("一二三四五六七八九。" * 400))
    assert len(parts) == 3
    assert all(part.endswith("。") and len(part) <= PASSAGE_CHARACTERS for part in parts)
