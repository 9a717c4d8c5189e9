"""Bytes of unknown encoding → text: UTF-8/16/32 with or without a mark, GB18030, Big5, Western single bytes.

Every candidate is decoded and weighed by how much the result looks like something people write. Statistics over
byte pairs need long texts; weighing characters is right on a caption of four.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Sequence
from functools import cache

_MARKS = (
    (BOM_UTF8, "utf-8"),
    (BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (BOM_UTF32_BE, "utf-32-be"),
    (BOM_UTF16_LE, "utf-16-le"),
    (BOM_UTF16_BE, "utf-16-be"),
)
_CANDIDATES = ("utf-8", "gb18030", "cp950", "big5hkscs", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252")
_NAMES = {"cp950": "big5", "big5hkscs": "big5-hkscs"}
_SAMPLE = 48 * 1024  # a multiple of four: no wide character is cut

# An accented letter inside a Latin word, or a Greek or Cyrillic word: short UTF-8 that GBK could also explain.
_FOREIGN_WORDS = re.compile(r"[A-Za-z][\u00c0-\u024f](?![\u00c0-\u024f])|[\u0386-\u03ce]{3}|[\u0400-\u045f]{3}")

# The characters that make up about half of any Chinese text, in both scripts.
_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没"
    "动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应"
    "战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系"
    "气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界"
    "达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔课字幕请谢章节习讲午"
    "這個們來爲為國說时時會對於過發後裏裡種經麼學現當沒動還進樣開從實軍無與長機關點業將兩間問並應戰頭體見產話內給門兒東聲員論處義幾認條氣題爾別變"
    "總電數報結務場計資許統區隊決馬書則聽卻達強難權設記類據邊張該規萬覺術領確傳師觀讓識帶導爭運筆課請謝節習講"
)


@cache
def _ordinary() -> frozenset[str]:
    """The hanzi that a primary school teaches: the first levels of GB 2312 and of Big5."""
    gb = (bytes((lead, trail)) for lead in range(0xB0, 0xD8) for trail in range(0xA1, 0xFF))
    big5 = (bytes((lead, trail)) for lead in range(0xA4, 0xC7) for trail in (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    text = b"".join(gb).decode("gb2312", "ignore") + b"".join(big5).decode("big5", "ignore")
    return frozenset(text)


@cache
def _weight(char: str) -> float:
    """How much one character speaks for the decoding that produced it."""
    code = ord(char)
    if code < 0x80:
        return 0.0 if char.isprintable() or char in "\t\n\r\f\x1b" else -8.0
    if char in _COMMON:
        return 3.0
    if char in _ordinary():
        return 1.0
    if char in "，。、；：？！“”‘’（）《》【】…—·「」『』〈〉　":
        return 2.0
    if 0x4E00 <= code <= 0x9FFF:
        return -1.5
    if char.isalpha() and (code < 0x250 or 0x370 <= code < 0x530):  # Latin, Greek, Cyrillic
        return -0.5
    if 0x2010 <= code <= 0x27BF or 0x3000 <= code <= 0x30FF or 0xFF01 <= code <= 0xFF5E or 0xA0 <= code <= 0xBF:
        return -1.0
    return -4.0 if char.isprintable() and char != "\ufffd" else -6.0


def _plausibility(data: bytes, encoding: str) -> float:
    return sum(map(_weight, data.decode(encoding, "replace")))


def detect(data: bytes) -> str:
    """The name of the most plausible encoding, as Python's codecs know it."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    if b"\0" not in data and _is_utf8(data):
        return "utf-8"
    return likeliest(data, _CANDIDATES)


def likeliest(data: bytes, encodings: Sequence[str]) -> str:
    """The one of these encodings under which the beginning of the data looks most like what people write."""
    sample = data[:_SAMPLE]
    return max(encodings, key=lambda name: _plausibility(sample, name))


def _is_utf8(data: bytes) -> bool:
    """Whether valid UTF-8 is meant. Two-byte sequences alone may as well be GBK, and control characters UTF-16."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if len(text) > 512 or any(ord(char) >= 0x800 for char in text):
        return True
    if _FOREIGN_WORDS.search(text):
        return True
    doubt = max(_plausibility(data, name) for name in ("gb18030", "utf-16-le", "utf-16-be"))
    return (data.isascii() and _plausibility(data, "utf-8") >= 0) or _plausibility(data, "utf-8") >= doubt - 2.0


def decode(data: bytes) -> tuple[str, str]:
    """Text and the name of its encoding. Never fails: what is no character becomes U+FFFD.

    The byte order mark and NULs are dropped, line ends become ``\\n``.
    """
    encoding = detect(data)
    for mark, name in _MARKS:
        if name == encoding and data.startswith(mark):
            data = data[len(mark) :]
            break
    text = data.decode(encoding, "replace").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return text, _NAMES.get(encoding, encoding)


def looks_like_text(data: bytes) -> bool:
    """Whether the first bytes of a file are text in some encoding; a tenth of a percent of rubbish is forgiven.

    Almost any bytes are characters in UTF-16 or GB 18030: there they must also look like something people write.
    """
    sample = data[:_SAMPLE]
    if not sample:
        return False
    encoding = detect(sample)
    text = sample.decode(encoding, "replace")
    rubbish = sum(1 for char in text if _weight(char) <= -6.0)
    marked = any(sample.startswith(mark) for mark, _ in _MARKS)
    plausible = encoding == "utf-8" or marked or sum(map(_weight, text)) >= -0.5 * len(text)
    return plausible and rubbish <= max(2, len(text) // 1000)
