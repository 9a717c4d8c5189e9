"""Text as it comes out of PDF and Office files → text as people would type it, so that words can be found in it."""

import re
import unicodedata
from collections import Counter

# Radicals that fonts put in the place of the characters they look like; Unicode's own compatibility mapping
# covers U+2F00–2FD5 and leaves these out.
_RADICALS = str.maketrans(
    "⺁⺄⺆⺈⺊⺌⺍⺎⺗⺘⺙⺝⺟⺠⺡⺣⺤⺩⺪⺫⺭⺮⺯⺰⺳⺴⺶⺸⺹⺼⺽⺾⻀⻁⻂⻃⻄⻅⻆⻉⻊⻋⻌⻍⻏⻐⻒⻓⻔⻖⻗⻘⻙⻚⻛⻜⻝⻠⻢⻣⻤⻥⻦⻧⻨⻩⻬⻮⻯⻰⻳",
    "厂乙冂刀卜小小兀忄扌攵月母民氵灬爫王疋罒礻竹糸纟罒四羊羊耂肉臼艹艹虎衤西西见角贝足车辶辶阝钅镸长门阝雨青韦页风飞食饣马骨鬼鱼鸟卤麦黄齐齿竜龙龟",
)
_COMPATIBILITY = re.compile("[\u2f00-\u2fd5\uf900-\ufaff\ufb00-\ufb06\u2002-\u200a\u00a0\u3000]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff0-\ufffb\ufffe\uffff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_WIDE = (
    "\u2e80-\u2fdf\u3001-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003ffff"
)
_TYPESET_SPACE = re.compile(f"(?<=[{_WIDE}]) +(?=[{_WIDE}])")
_WIDE_RUN = re.compile(f"[{_WIDE}]+")
_SPACED_OUT = re.compile(f"(?<![{_WIDE}])(?:[{_WIDE}] +){{2,}}[{_WIDE}](?![{_WIDE}])")
_NUMBERED = re.compile("(第 ?[一二三四五六七八九十百零〇0-9]{1,5} ?[章节節講讲课課回部篇编編条條单]元?) +(?=\\S)")
_LEADERS = re.compile(r"(?:\s?[.·…]){5,}\s*")
_HYPHEN = re.compile("(?<=[a-z])[-\u2010\x02\ufffe]\n(?=[a-z])")
_ENDS_SENTENCE = tuple("。！？；：.!?;:…”』」")
_ITEM = re.compile(
    r"[•·●○◦▪■◆➢√*–—-]|[(（]?([0-9]{1,3}|[一二三四五六七八九十]{1,3})([.、．)）]|\s)|第.{1,5}[章节讲課课]"
)
_RUNNING_PAGES = 5
_KEPT = "\ue000"  # stands for a space that is meant; private-use characters of the text itself are gone by then
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")


def clean(text: str, *, typeset: bool = True) -> str:
    """Characters, spaces and lines repaired; lines stay lines. ``\\n`` ends a line.

    ``typeset``: spaces between hanzi come from a layout and are taken out; in text that was typed they are meant,
    unless they set characters apart one by one.
    """
    text = _HYPHEN.sub("", _BREAKS.sub("\n", text))
    text = _SURROGATES.sub("\ufffd", _INVISIBLE.sub("", text))
    text = _PRIVATE.sub("", text).translate(_RADICALS)
    text = _COMPATIBILITY.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    text = _LEADERS.sub(" … ", text)
    text = _SPACED_OUT.sub(lambda found: found[0].replace(" ", ""), text)
    if typeset:
        text = _NUMBERED.sub(rf"\1{_KEPT}", text)
        text = _TYPESET_SPACE.sub("", text).replace(_KEPT, " ")
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def join_lines(text: str, *, wrapped_from: int = 17) -> str:
    """Lines that were only broken by the width of a page, put together again; headings and lists stay lines.

    ``wrapped_from``: columns from which on a line may be one that was broken.
    """
    lines = text.split("\n")
    widths = [_width(line) for line in lines]
    width = sorted(widths)[-1 - len(lines) // 10]
    joined: list[str] = []
    full = False
    for line, columns in zip(lines, widths, strict=True):
        if joined and full and line and _goes_on(joined[-1], line):
            joined[-1] += f" {line}" if _needs_space(joined[-1][-1], line[0]) else line
        else:
            joined.append(line)
        full = columns >= 0.8 * width and width >= wrapped_from
    return "\n".join(joined)


def without_running_lines(pages: list[str]) -> list[str]:
    """The pages without the heads and feet that most of them repeat, whatever numbers these carry."""
    if len(pages) < _RUNNING_PAGES:
        return pages
    seen = Counter(mark for page in pages for mark in {_mark(line) for line in _edges(page)})
    running = {mark for mark, times in seen.items() if times * 2 > len(pages)}
    told: set[str] = set()
    kept = []
    for page in pages:
        kept.append(_without_edges(page.split("\n"), running & told))
        told.update(map(_mark, _edges(page)))  # where it stands for the first time it is often the title
    return kept


def _edges(page: str) -> list[str]:
    lines = page.split("\n")
    return [*lines[:2], *lines[2:][-2:]]


def _mark(line: str) -> str:
    """What stays the same in a running head: numbers, Arabic or Roman, are taken out."""
    return re.sub(r"[\d\s/·|-]|\b[ivxlc]+\b", "", line)


def _without_edges(lines: list[str], running: set[str]) -> str:
    head, rest = lines[:2], lines[2:]
    foot = rest[-2:]
    middle = rest[: len(rest) - len(foot)]
    kept = ([line for line in part if _mark(line) not in running] for part in (head, foot))
    return "\n".join([*next(kept), *middle, *next(kept)]).strip("\n")


def readable(text: str) -> bool:
    """False for text whose characters have no meaning, as from a PDF whose fonts tell no Unicode."""
    lost = len(_PRIVATE.findall(text)) + text.count("\ufffd") + len(_INVISIBLE.findall(text))
    return lost * 4 <= len(text)


def _goes_on(line: str, following: str) -> bool:
    """Whether a sentence runs from a full line into the following one."""
    if line.endswith(_ENDS_SENTENCE) or _ITEM.match(following):
        return False
    return _wide(line[-1]) or _wide(following[0]) or following[0].isalpha()


def _needs_space(before: str, after: str) -> bool:
    """Latin words are set apart, also from hanzi; punctuation of either script is not."""
    return (
        (before.isalnum() or not _wide(before))
        and before != "/"
        and after.isalnum()
        and not (_wide(before) and _wide(after))
    )


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _width(line: str) -> int:
    return len(line) + sum(map(len, _WIDE_RUN.findall(line)))
