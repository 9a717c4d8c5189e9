"""Makes ``divisions.csv.gz`` from the published lists: ``python -m repo_service.data.convert FOLDER``.

FOLDER holds ``modood/{provinces,cities,areas}.json`` and ``henan_townships.csv``. Only these lists
decide the result.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from repo_service.data import HERE, DivisionRow

DIGITS = 12
LEVELS = {2: 1, 4: 2, 6: 3, 9: 4}  # significant digits of a code: level


def rows(folder: Path) -> Iterator[DivisionRow]:
    """All divisions of the lists, parents before children, codes filled up to twelve digits."""
    for name, parent in (("provinces", ""), ("cities", "provinceCode"), ("areas", "cityCode")):
        for item in json.loads((folder / "modood" / f"{name}.json").read_text(encoding="utf-8")):
            yield _row(item["code"], item["name"], item[parent] if parent else "")
    with (folder / "henan_townships.csv").open(encoding="utf-8-sig", newline="") as file:
        for item in csv.DictReader(file):
            yield _row(item["township_code"], item["township"], item["county_code"])


def packed(folder: Path) -> bytes:
    """The compressed table, the same bytes for the same lists.

    A few cities have no districts (东莞, 中山, 儋州); the lists name them a second time as their own county, which is
    the same code: the city stays.
    """
    tree: dict[str, DivisionRow] = {}
    for row in rows(folder):
        tree.setdefault(row.code, row)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerows((row.code, row.name, row.parent_code or "", row.level) for row in tree.values())
    return gzip.compress(text.getvalue().encode(), mtime=0)


def _row(code: str, name: str, parent: str) -> DivisionRow:
    return DivisionRow(code.ljust(DIGITS, "0"), name, parent.ljust(DIGITS, "0") if parent else None, LEVELS[len(code)])


if __name__ == "__main__":
    (HERE / "divisions.csv.gz").write_bytes(packed(Path(sys.argv[1])))
