"""Real and hostile documents through the whole pipeline, against a table of what must become of each."""

import csv
from pathlib import Path

import pytest

from tests.ingest.whole import Outcome, ingest

TABLE = list(
    csv.DictReader(
        Path(__file__).with_name("documents.tsv").read_text(encoding="utf-8").splitlines(),
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
    )
)


@pytest.mark.parametrize("row", TABLE, ids=[row["path"].rpartition("/")[2] for row in TABLE])
def test_becomes_what_the_table_says(row: dict[str, str], data_dir: Path, tmp_path: Path) -> None:
    outcome = ingest(data_dir / row["path"], tmp_path / "work")

    errors = " ".join(f"{step}={code}" for step, code in outcome.errors.items() if code != "cancelled")
    record = outcome.record
    assert {
        "state": outcome.state,
        "kind": record.get("media_kind", "-"),
        "errors": errors or "-",
        "note": record.get("note", "-"),
        "pages": "-" if row["pages"] == "-" else str(record.get("pages")),
    } == {name: row[name] for name in ("state", "kind", "errors", "note", "pages")}
    if row["text seen"] != "-":
        assert row["text seen"] in "\n".join(passage.text for passage in outcome.passages)
    check_promises(outcome)


def check_promises(outcome: Outcome) -> None:
    """What holds for every document that became readable."""
    pages = outcome.record.get("pages")
    for passage in outcome.passages:
        assert passage.text.strip()
        assert passage.kind in ("slide", "page", "chapter", "section")
        assert passage.page is None or passage.page >= 1
        assert pages is None or passage.page is None or passage.page <= pages
    for image in outcome.of_role("page_image"):
        assert image.name == f"pages/{image.attributes['page']}.webp"
        assert image.attributes["width"] * image.attributes["height"] <= 4_010_000
    for thumbnail in outcome.of_role("thumbnail"):
        assert thumbnail.attributes["width"] <= 640
    if outcome.state == "ready" and outcome.record["media_kind"] in ("slides", "document") and pages:
        assert len(outcome.of_role("page_image")) <= pages
