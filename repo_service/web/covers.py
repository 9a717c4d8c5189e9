"""Drawn covers, for things that have no picture: a colour from the subject and the first character of the title."""

from html import escape
from zlib import crc32

# (ground, wave): white type on the ground is at least 4.5:1, also where the circle lies over it.
PALETTES = (
    ("#17546f", "#2f87a6"),
    ("#7a3b2a", "#b86a4c"),
    ("#2f6a4a", "#5a9a76"),
    ("#4b4a7c", "#7f7db5"),
    ("#6b5a1e", "#b59a45"),
    ("#6a2f4e", "#a8638a"),
    ("#2b4a6e", "#5d86b8"),
    ("#3d5a3a", "#7a9a63"),
)
# CLC main classes that should look like themselves: agriculture green, arts russet, medicine plum …
_BY_CLASS = {"S": 2, "J": 1, "R": 5, "T": 3, "G": 0, "I": 4, "F": 6, "Q": 7, "K": 4, "H": 0, "D": 6, "O": 3}
_SKIP = frozenset(" 《》〈〉“”‘’\"'「」『』（）()[]【】·—-–_.,，。:：!！?？#")


def palette_of(subjects: list[str], otherwise: str) -> int:
    """The palette of the first subject's main class; without one, any, but always the same for ``otherwise``."""
    main = subjects[0][:1].upper() if subjects and subjects[0] else ""
    return _BY_CLASS.get(main, crc32((main or otherwise).encode()) % len(PALETTES))


def glyph_of(title: str) -> str:
    """The first character of a title that is not a mark."""
    return next((c for c in title if c not in _SKIP and c.isprintable()), "学").upper()


def address(subjects: list[str], title: str, otherwise: str) -> str:
    """Where the cover is drawn: what it looks like is all in the address, so it can be kept for ever."""
    return f"/covers/{palette_of(subjects, otherwise)}/{ord(glyph_of(title)):x}.svg"


def draw(palette: int, glyph: str) -> str:
    """The cover as SVG, 16:9."""
    ground, wave = PALETTES[palette % len(PALETTES)]
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 320 180' preserveAspectRatio='xMidYMid slice'>"
        f"<rect width='320' height='180' fill='{ground}'/>"
        f"<circle cx='262' cy='30' r='92' fill='{wave}' opacity='.55'/>"
        f"<path d='M0 138 Q80 104 160 132 T320 118 V180 H0Z' fill='{wave}' opacity='.8'/>"
        "<text x='26' y='104' font-family='Noto Serif SC,Noto Serif CJK SC,Songti SC,SimSun,serif' font-weight='700'"
        f" font-size='60' fill='#fff'>{escape(glyph)}</text></svg>"
    )
