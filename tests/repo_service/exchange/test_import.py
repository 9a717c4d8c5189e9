"""Bulk import into the catalogue: what was made, found, changed, left alone; rights and the audit trail."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from repo_service.commands.importing import conclude
from repo_service.context import Context
from repo_service.errors import Forbidden, NotFound
from repo_service.models import Audit, Counter, Decision, Outbox, Resource
from repo_service.policy import ANONYMOUS, OPERATOR, Actor
from repo_service.services import curation, exchange, indexing
from repo_service.services.deposits import institution_named
from repo_service.services.exchange import Imported
from search import elastic
from tests import support

UPLOADER = frozenset({"uploader"})


@pytest.fixture(autouse=True)
def school(ctx: Context) -> None:
    """The institution that everything is imported into."""
    support.institution(ctx)


def take(ctx: Context, tmp_path: Path, rows: Iterable[Mapping[str, Any]], *, publish: bool = True) -> Imported:
    """Import these records."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return exchange.import_file(ctx, OPERATOR, path, "jsonl", "xuexiao", publish=publish)


def counts(result: Imported) -> tuple[int, int, int, int]:
    """created, updated, unchanged, failed."""
    return result.created, result.updated, result.unchanged, result.failed


def found(ctx: Context, words: str) -> list[str | None]:
    """External ids of what a visitor finds."""
    page = indexing.search(ctx, ANONYMOUS, indexing.SearchRequest(q=words))
    return [hit.external_id for hit in page.hits]


def row_of(ctx: Context, external_id: str) -> Resource:
    """The row of a record."""
    with ctx.db.read() as session:
        return session.scalars(select(Resource).where(Resource.external_id == external_id)).one()


def count(ctx: Context, table: Any, *where: Any) -> int:
    """How many rows."""
    with ctx.db.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def epoch(ctx: Context) -> int:
    """The number that rises with each change that the public sees."""
    with ctx.db.read() as session:
        row = session.get(Counter, indexing.EPOCH)
    return row.value if row else 0


def test_records_are_found_when_the_import_returns(ctx: Context, tmp_path: Path) -> None:
    rows = [{"id": f"c{n}", "title": f"茶艺第{n}讲", "text": "紫砂壶与武夷岩茶的冲泡"} for n in range(2_500)]
    assert counts(take(ctx, tmp_path, rows)) == (2_500, 0, 0, 0)
    page = indexing.search(ctx, ANONYMOUS, indexing.SearchRequest(q="紫砂壶"))
    assert page.total == 2_500
    assert "<mark>紫砂壶</mark>" in page.hits[0].snippet
    assert count(ctx, Outbox, Outbox.done_at.is_(None)) == 0
    assert count(ctx, Decision, Decision.action == "publish") == 2_500


@pytest.mark.both_databases
def test_records_are_locked_in_the_order_that_all_lock_them_in(ctx: Context, tmp_path: Path) -> None:
    """In another one, whoever counts openings and the import would each wait for the other."""
    locked: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "resource.external_id IN" in statement:
            locked.append(statement)

    event.listen(ctx.db.engine, "before_cursor_execute", hear)
    try:
        for title in ("围棋", "象棋"):
            take(ctx, tmp_path, [{"id": "a", "title": title}])
    finally:
        event.remove(ctx.db.engine, "before_cursor_execute", hear)
    assert locked
    assert all("ORDER BY resource.id" in statement for statement in locked)


def test_texts_of_what_is_there_are_read_at_once(ctx: Context, tmp_path: Path) -> None:
    """They are compared record by record, and elsewhere read only where somebody asks for one."""
    rows = [{"id": name, "title": "围棋", "text": f"第 {name} 课"} for name in "abc"]
    take(ctx, tmp_path, rows)
    read: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "resource.text" in statement:
            read.append(statement)

    event.listen(ctx.db.engine, "before_cursor_execute", hear)
    try:
        assert counts(take(ctx, tmp_path, [rows[0], rows[1], rows[2] | {"text": "第 d 课"}])) == (0, 1, 2, 0)
    finally:
        event.remove(ctx.db.engine, "before_cursor_execute", hear)
    compared = [statement for statement in read if "external_id IN" in statement]
    assert len(compared) == 1
    assert len(read) == 2, "and once for the index"


def test_a_batch_that_lost_a_race_is_taken_once_more(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, failures = exchange._in_one_transaction, [OperationalError("deadlock detected", {}, Exception())]

    def first_lost(*given: Any) -> None:
        if failures:
            raise failures.pop()
        taken(*given)

    monkeypatch.setattr(exchange, "_in_one_transaction", first_lost)
    assert counts(take(ctx, tmp_path, [{"id": "a", "title": "围棋"}])) == (1, 0, 0, 0)


def test_all_goes_in_while_the_engine_is_away_and_the_end_says_so(
    ctx: Context, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """An import stopped in its middle, at the first time that it looked after the index."""
    away = replace(ctx, index=elastic.connect("http://127.0.0.1:9/away"))  # where nothing ever listens
    path = tmp_path / "rows.csv"
    path.write_text("id,title\n" + "".join(f"{n},茶艺{n}\n" for n in range(6_000)), encoding="utf-8")
    result = exchange.import_file(away, OPERATOR, path, "csv", "xuexiao", publish=True, patience=0.1)
    assert (counts(result), result.index_behind) == ((6_000, 0, 0, 0), 6_000)
    assert count(ctx, Resource, Resource.state == "published") == 6_000
    with pytest.raises(typer.Exit) as ended:
        conclude(result, as_json=True)
    said = capsysbinary.readouterr()
    told = json.loads(said.out)
    assert (ended.value.exit_code, told["created"], told["index_behind"]) == (1, 6_000, 6_000)
    assert b"[index_behind]" in said.err
    again = exchange.import_file(ctx, OPERATOR, path, "csv", "xuexiao", publish=True)
    assert (counts(again), again.index_behind) == ((0, 0, 6_000, 0), 0)
    assert indexing.search(ctx, ANONYMOUS, indexing.SearchRequest(q="茶艺")).total == 6_000


def test_the_same_again_changes_nothing(ctx: Context, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "title": "围棋入门", "keywords": ["棋"], "year": 2020},
        {"id": "b", "title": "象棋入门"},
    ]
    take(ctx, tmp_path, rows)
    before, seen = row_of(ctx, "a"), epoch(ctx)
    assert counts(take(ctx, tmp_path, rows)) == (0, 0, 2, 0)
    after = row_of(ctx, "a")
    assert (after.rev, after.metadata_rev, after.updated_at) == (before.rev, before.metadata_rev, before.updated_at)
    assert epoch(ctx) == seen
    assert count(ctx, Audit, Audit.what == "resource.import_unreviewed") == 1, "what changes nothing is no act"


def test_what_a_row_names_is_changed_and_the_rest_stays(ctx: Context, tmp_path: Path) -> None:
    take(ctx, tmp_path, [{"id": "a", "title": "围棋入门", "description": "黑白", "level": "everyone"}])
    before = row_of(ctx, "a")
    assert counts(take(ctx, tmp_path, [{"id": "a", "title": "桥牌入门", "level": ""}])) == (0, 1, 0, 0)
    after = row_of(ctx, "a")
    assert (after.title, after.description, after.level) == ("桥牌入门", "黑白", "")
    assert after.metadata_rev == before.metadata_rev + 1
    assert (found(ctx, "桥牌"), found(ctx, "围棋")) == (["a"], [])


@pytest.mark.parametrize("blank", ["", " ", None])
def test_a_blank_where_empty_is_no_value_says_nothing(ctx: Context, tmp_path: Path, blank: str | None) -> None:
    """A sheet that came back with its column of licences blank made free what was for the audience alone."""
    said = {
        "id": "a",
        "title": "围棋",
        "licence": "LicenseRef-audience",
        "language": "en",
        "year": 2020,
        "level": "everyone",
    }
    take(ctx, tmp_path, [said])
    empty = dict.fromkeys(("licence", "language", "year", "level"), blank)
    again = [{"id": "a", "title": "围棋", **empty}, {"id": "b", "title": "象棋", **empty}]
    assert counts(take(ctx, tmp_path, again)) == (1, 1, 0, 0)
    kept, new = row_of(ctx, "a"), row_of(ctx, "b")
    assert (kept.licence, kept.language, kept.year, kept.level) == ("LicenseRef-audience", "en", None, "")
    assert (new.licence, new.language) == ("CC-BY-4.0", "zh-Hans")


def test_drafts_stay_drafts_until_somebody_publishes(ctx: Context, tmp_path: Path) -> None:
    rows = [{"id": name, "title": f"书法{name}"} for name in ("draft", "withdrawn", "rejected", "public")]
    take(ctx, tmp_path, rows, publish=False)
    assert found(ctx, "书法") == []
    curation.publish(ctx, OPERATOR, row_of(ctx, "withdrawn").id)
    curation.withdraw(ctx, OPERATOR, row_of(ctx, "withdrawn").id)
    with ctx.db.write() as session:
        session.get_one(Resource, row_of(ctx, "rejected").id).state = "rejected"
    changed = [{**row, "description": "毛笔"} for row in rows]
    assert counts(take(ctx, tmp_path, changed)) == (0, 4, 0, 0)
    states = {name: row_of(ctx, name).state for name in ("draft", "withdrawn", "rejected", "public")}
    assert states == {"draft": "published", "withdrawn": "withdrawn", "rejected": "rejected", "public": "published"}
    assert sorted(map(str, found(ctx, "书法"))) == ["draft", "public"]


def test_bad_rows_are_told_of_and_good_rows_go_in(ctx: Context, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "title": "太极拳"},
        {"id": "a", "title": "太极剑"},
        {"title": "没有编号"},
        {"id": "c", "title": "学科", "subjects": ["no-such-subject"]},
        {"id": "d", "title": "许可", "licence": "none"},
        {"id": "e", "title": "控制\u0000符"},
        {"id": "f", "title": "长" * 501},
        {"id": "g", "title": "好的"},
    ]
    result = take(ctx, tmp_path, rows)
    assert counts(result) == (2, 0, 0, 6)
    assert sorted((error.line, error.code) for error in result.errors) == [
        (2, "duplicate_id"),
        (3, "required"),
        (4, "unknown_subject"),
        (5, "unknown_value"),
        (6, "bad_value"),
        (7, "too_long"),
    ]
    assert row_of(ctx, "a").title == "太极拳"


def test_what_is_free_to_download_can_be_chosen(ctx: Context, tmp_path: Path) -> None:
    rows = [{"id": "free", "title": "刺绣"}, {"id": "bound", "title": "刺绣", "license": "LicenseRef-audience"}]
    take(ctx, tmp_path, rows)
    request = indexing.SearchRequest(q="刺绣", filters={"downloadable": ("true",)}, locale="en")
    page = indexing.search(ctx, ANONYMOUS, request)
    assert [hit.external_id for hit in page.hits] == ["free"]
    values = {value.label: (value.count, value.selected) for value in page.facets["downloadable"]}
    assert values == {"Free to download": (1, True), "To learn online only": (1, False)}


def test_ids_are_those_of_the_institution(ctx: Context, tmp_path: Path) -> None:
    support.resource(ctx, support.institution(ctx, "other"), "别人的", external_id="a")
    assert counts(take(ctx, tmp_path, [{"id": "a", "title": "自己的"}])) == (1, 0, 0, 0)


def test_only_operators_publish_without_review(ctx: Context, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id":"a","title":"b"}\n', encoding="utf-8")
    with ctx.db.read() as session:
        place = institution_named(session, "xuexiao")
    member = Actor(id=support.user(ctx, in_=place).id, roles={place.id: UPLOADER}, scopes=frozenset({"all"}))
    with pytest.raises(Forbidden):
        exchange.import_file(ctx, member, path, "jsonl", "xuexiao", publish=True)
    with pytest.raises(NotFound):
        exchange.import_file(ctx, OPERATOR, path, "jsonl", "nowhere")
    assert counts(exchange.import_file(ctx, member, path, "jsonl", "xuexiao")) == (1, 0, 0, 0)
    with ctx.db.read() as session:
        act = session.scalars(select(Audit).where(Audit.what == "resource.import")).one()
    assert (act.who, act.object, act.detail) == (member.id, place.id, {"file": "rows.jsonl"})


@pytest.mark.parametrize(
    ("name", "created", "codes", "query"),
    [
        ("catalogue/ntut_courses.jsonl", 851, [], "数据库系统"),
        ("catalogue/sjtu_courses.jsonl", 2_180, ["duplicate_id"], "生态学"),
        ("relevance/cmrc2018/docs.jsonl", 1_104, [], "战国无双"),
    ],
)
def test_real_catalogues(ctx: Context, data_dir: Path, name: str, created: int, codes: list[str], query: str) -> None:
    result = exchange.import_file(ctx, OPERATOR, data_dir / name, "jsonl", "xuexiao", publish=True)
    assert (result.created, [error.code for error in result.errors]) == (created, codes)
    assert found(ctx, query)


def test_formulas_of_spreadsheets_are_refused_without_columns_and_text_with_them(
    ctx: Context, tmp_path: Path, data_dir: Path
) -> None:
    cells = (data_dir / "hostile" / "made" / "text" / "csv_formula.csv").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["title,id", *cells[1:]]), encoding="gb18030")
    result = exchange.import_file(ctx, OPERATOR, path, "csv", "xuexiao", publish=True)
    assert counts(result) == (4, 0, 0, 0)
    assert row_of(ctx, "2").title == "+1+1"
