"""Known items: somebody looks for one course of two real catalogues, by whatever of it is remembered."""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import opencc

from search import pinyin
from search.fold import fold
from search.model import Document
from search.text import tokens
from tests.search import judged
from tests.search.judged import Bend, JudgedSet

SAMPLE = 200
SEED = 5
LEAST_SYLLABLES = 4  # of a title whose initials somebody types
REMEMBERED = (8, 20)  # characters of a description
_Remembered = Callable[[Document], str]


def catalogue(data: Path) -> tuple[Document, ...]:
    """3,032 courses, one university writing Traditional Chinese and one Simplified; English titles as keywords."""
    files = (data / "catalogue" / name for name in ("ntut_courses.jsonl", "sjtu_courses.jsonl"))
    return tuple(_course(json.loads(line)) for file in files for line in file.read_text(encoding="utf-8").splitlines())


def _course(row: dict[str, Any]) -> Document:
    english = (row["title_en"],) if row.get("title_en") else ()
    department = row.get("department") or ()
    return Document(
        row["id"],
        1,
        row["title"],
        description=row.get("description") or "",
        keywords=english,
        people=tuple(row["teachers"]),
        institution=row["school"],
        subjects=(department,) if isinstance(department, str) else tuple(department),
    )


def sets(documents: tuple[Document, ...]) -> dict[str, JudgedSet]:
    """By what is remembered: up to 200 courses, found when a course of the same title is."""
    slip = judged.slips(replace(one, text=one.title) for one in documents)
    other = _in_the_other_script()
    wanted: dict[str, _Remembered] = {
        "title": lambda one: one.title,
        "title, other script": lambda one: other(one.title),
        "title, homophone slip": lambda one: slip(one.title),
        "title, pinyin letters": lambda one: _chinese(one.title) and judged.pinyin_letters(one.title).strip(),
        "title, initials": lambda one: _initials(one.title),
        "English title": lambda one: " ".join(one.keywords),
        "part of the description": lambda one: _part(one.description),
    }
    return {name: _set(documents, remembered) for name, remembered in wanted.items()}


def _set(documents: tuple[Document, ...], remembered: _Remembered) -> JudgedSet:
    able = [one for one in documents if remembered(one)]
    sought = random.Random(SEED).sample(able, min(SAMPLE, len(able)))
    alike: dict[str, dict[str, int]] = {}
    for one in documents:
        alike.setdefault(fold(one.title), {})[one.id] = 1
    return JudgedSet(
        documents,
        {one.id: remembered(one) for one in sought},
        {one.id: alike[fold(one.title)] for one in sought},
    )


def _chinese(title: str) -> str:
    """The title when it is Chinese throughout."""
    return title if all(token.han for token in tokens(title)) else ""


def _initials(title: str) -> str:
    letters = "".join(pinyin.initials(token.text) for token in tokens(_chinese(title)))
    return letters if len(letters) >= LEAST_SYLLABLES else ""


def _part(description: str) -> str:
    """A clause from the middle of the description."""
    least, most = REMEMBERED
    clauses: Iterable[str] = description.replace("。", "，").replace("、", "，").split("，")
    telling = [clause.strip() for clause in clauses if least <= len(clause.strip()) <= most]
    return telling[len(telling) // 2] if telling else ""


def _in_the_other_script() -> Bend:
    to_traditional, to_simplified = opencc.OpenCC("s2twp"), opencc.OpenCC("tw2sp")

    def convert(text: str) -> str:
        """In Simplified what is Traditional, else the other way round."""
        simplified = str(to_simplified.convert(text))
        return simplified if simplified != text else str(to_traditional.convert(text))

    return convert
