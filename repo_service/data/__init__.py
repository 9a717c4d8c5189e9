"""Reference data that ships with the program; README.md beside this file says where it comes from."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class DivisionRow:
    """One division: 12-digit code, name, code of the division that it lies in (None for a province), level 1 to 4."""

    code: str
    name: str
    parent_code: str | None
    level: int


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One subject: class number or own slug, labels, code of the broader subject."""

    code: str
    label_zh: str
    label_en: str
    parent_code: str | None


def divisions() -> Iterator[DivisionRow]:
    """The tree of divisions, parents before children."""
    with gzip.open(HERE / "divisions.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for code, name, parent, level in csv.reader(file):
            yield DivisionRow(code, name, parent or None, int(level))


def subjects() -> Iterator[SubjectRow]:
    """The subjects, broader ones before narrower ones."""
    with (HERE / "subjects.tsv").open(encoding="utf-8", newline="") as file:
        for code, parent, label_zh, label_en in csv.reader(file, delimiter="\t"):
            yield SubjectRow(code, label_zh, label_en, parent or None)
