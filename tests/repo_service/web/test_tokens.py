"""Contrasts of the look, computed from the style sheet: WCAG 2.2 AA in the light, the dark and the elder view."""

import re
from itertools import product

import pytest

from repo_service.web.covers import PALETTES
from repo_service.web.view import FOLDER

SHEET = (FOLDER / "static" / "css" / "tokens.css").read_text(encoding="utf-8")
VIEWS = tuple(product((False, True), repeat=2))  # elder, dark
GROUNDS = ("paper", "sheet", "wash")
TEXTS = ("ink", "ink-2", "ink-3", "sea", "sea-deep", "seal")
ON_WASHES = (("sea", "sea-wash"), ("sea-deep", "sea-wash"), ("seal", "seal-wash"), ("bamboo", "bamboo-wash"),
             ("amber", "amber-wash"), ("ink", "mark"), ("ink-2", "sea-wash"), ("ink", "sea-wash"),
             ("ink-2", "amber-wash"), ("ink-2", "seal-wash"), ("ink", "bamboo-wash"), ("paper", "sea"),
             ("paper", "sea-deep"))  # fmt: skip


def tokens(*, elder: bool, dark: bool) -> dict[str, str]:
    """The colours that hold in one view and one light, as the cascade leaves them."""
    light, _, rest = SHEET.partition("@media (prefers-color-scheme: dark)")
    found: dict[str, str] = {}
    for block in (light, rest) if dark else (light,):
        for selector, body in re.findall(r":root(\[data-view=\"elder\"\])?\s*\{([^}]*)\}", block):
            if elder or not selector:
                found |= dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", body))
    return found


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The ratio of two colours, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("elder", "dark"), VIEWS)
def test_every_pair_of_text_and_ground_is_readable(elder: bool, dark: bool) -> None:
    held = tokens(elder=elder, dark=dark)
    pairs = [*product(TEXTS, GROUNDS), *ON_WASHES]
    weak = {pair: round(contrast(held[pair[0]], held[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize(("elder", "dark"), VIEWS)
def test_edges_of_fields_are_seen(elder: bool, dark: bool) -> None:
    held = tokens(elder=elder, dark=dark)
    assert all(contrast(held["edge"], held[ground]) >= 3 for ground in ("paper", "sheet"))


def test_the_letter_of_a_drawn_cover_is_readable_on_its_ground() -> None:
    assert all(contrast("#ffffff", ground) >= 4.5 for ground, _ in PALETTES)


def test_the_elder_view_has_the_numbers_of_the_ministry() -> None:
    elder = re.search(r":root\[data-view=\"elder\"\]\s*\{([^}]*)\}", SHEET)
    assert elder is not None
    assert float(re.findall(r"--size:\s*([\d.]+)rem", elder[1])[0]) * 16 >= 18
    assert re.findall(r"--t(?:arget|ap):\s*(\d+)px", elder[1]) == ["60", "60"]
    assert float(re.findall(r"--lead:\s*([\d.]+)", elder[1])[0]) >= 1.3
    largest = re.search(r":root\[data-size=\"largest\"\]\s*\{([^}]*)\}", SHEET)
    assert largest is not None
    assert float(re.findall(r"--size:\s*([\d.]+)rem", largest[1])[0]) * 16 >= 30
