"""What a search asks of the database: few statements, none of which reads more than the page needs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

from repo_service.context import Context
from repo_service.models import File, Institution, Resource
from repo_service.policy import ANONYMOUS, OPERATOR, Actor
from repo_service.services import (
    catalog,
    collections,
    curation,
    directory,
    indexing,
    media,
    publicity,
    related,
    shelves,
    upkeep,
    versions,
)
from repo_service.services.collections import CollectionDraft, ItemDraft
from repo_service.services.indexing import SearchRequest
from tests import support
from tests.search.test_finding import add_cues, find, publish, school

__all__ = ["school"]  # a fixture
GROWING = ("resource", "file", "passage", "job")  # tables with a row for each resource or more
MOST = 7  # statements of a search: cards, passages and those that follow, texts, names of three facets


@contextmanager
def asked(ctx: Context) -> Iterator[list[tuple[str, Any]]]:
    """The SELECTs that are made inside, with their parameters."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(ctx.db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(ctx.db.engine, "before_cursor_execute", note)


def plan(ctx: Context, statement: str, parameters: Any) -> list[str]:
    """How SQLite goes about it."""
    with ctx.db.look() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [str(row[3]) for row in rows]


def too_much(ctx: Context, statements: list[tuple[str, Any]]) -> list[str]:
    """Steps that read a whole table, or all that is published."""
    steps = [step for one in statements for step in plan(ctx, *one)]
    scans = [step for step in steps if step.startswith("SCAN ") and step.split()[1] in GROWING]
    return scans + [step for step in steps if "(state=?" in step]


@pytest.fixture
def filled(ctx: Context, school: Institution) -> list[str]:
    """Resources with captions, pictures and texts; their ids."""
    rows = [publish(ctx, school, f"合唱排练 {number}", text="合唱团的排练。" * 20) for number in range(3)]
    add_cues(ctx, rows[0])
    indexing.drain(ctx)
    return [row.id for row in rows]


@pytest.mark.parametrize("q", ["合唱", "微信 备份", "资料库"])
def test_a_search_reads_by_id_alone(ctx: Context, filled: list[str], q: str) -> None:
    find(ctx, "排练")  # what is looked at once a second is known now
    with asked(ctx) as statements:
        assert find(ctx, q).total
    assert 0 < len(statements) <= MOST, statements
    assert not too_much(ctx, statements)


def test_names_of_facets_are_read_once_and_again_after_a_change(ctx: Context, filled: list[str]) -> None:
    find(ctx, "合唱")
    with asked(ctx) as statements:
        find(ctx, "排练")
    assert not [one for one in statements if "division" in one[0]]
    with ctx.db.write() as session:
        held = session.query(Institution).one()
        held.name = "郑州合唱学院"
    assert find(ctx, "合唱").facets["institution"][0].label == "郑州合唱学院"
    assert find(ctx, "合唱", locale="en").facets["institution"][0].label == "郑州合唱学院"


def test_what_goes_with_a_resource_is_read_by_id_too(ctx: Context, filled: list[str]) -> None:
    with asked(ctx) as statements:
        assert related.related(ctx, ANONYMOUS, filled[0])
        assert indexing.suggest(ctx, "合唱")
    assert statements
    assert not too_much(ctx, statements)


def test_a_page_beyond_the_last_asks_for_nothing(ctx: Context, filled: list[str]) -> None:
    with asked(ctx) as statements:
        page = indexing.search(ctx, ANONYMOUS, SearchRequest(q="合唱", offset=50, facets=()))
    assert (page.total, page.hits) == (3, [])
    assert not [one for one in statements if "FROM resource" in one[0]]


def test_a_rebuild_walks_through_the_published_without_sorting_them(
    ctx: Context, filled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that sorts all of them makes the whole walk grow with the square of the catalogue."""
    monkeypatch.setattr(indexing, "SCAN_PAGE", 2)  # several pages
    with asked(ctx) as statements:
        assert indexing.reindex(ctx).done == len(filled)
    walked = [one for one in statements if "resource.id >" in one[0]]
    assert len(walked) == 2
    assert {step for one in walked for step in plan(ctx, *one)} == {
        "SEARCH resource USING INDEX ix_resource_state_id (state=? AND id>?)"
    }


def test_a_list_of_the_newest_sorts_nothing(ctx: Context, filled: list[str]) -> None:
    with asked(ctx) as statements:
        assert catalog.list_resources(ctx, ANONYMOUS, limit=2).next_cursor
    (listed,) = (one for one in statements if "ORDER BY resource.id DESC" in one[0])
    assert not [step for step in plan(ctx, *listed) if "TEMP B-TREE" in step]


def steps(ctx: Context, statements: list[tuple[str, Any]], table: str) -> set[str]:
    """How these statements go about a table."""
    return {step for one in statements for step in plan(ctx, *one) if step.split()[1:2] == [table]}


def test_cards_read_the_files_of_their_own_resources_alone(ctx: Context, filled: list[str]) -> None:
    """Given files have no source; an index of "no source" is an index of nearly all files."""
    with asked(ctx) as statements:
        assert catalog.list_resources(ctx, ANONYMOUS).items
    assert steps(ctx, statements, "file")
    assert all("resource_id=?" in step for step in steps(ctx, statements, "file"))


def test_counts_and_portions_read_indexes_alone(ctx: Context, school: Institution, filled: list[str]) -> None:
    with asked(ctx) as statements:
        assert shelves.counts(ctx) == shelves.Counts(resources=3, institutions=1)
        assert directory.institution(ctx, school.slug).published == 3
        assert publicity.starts(ctx, portion=2) == ["", sorted(filled)[1]]
    counted = [one for one in statements if "count(*)" in one[0] or "OFFSET" in one[0]]
    found = steps(ctx, counted, "resource")
    assert len(counted) >= 4
    assert found
    assert all("COVERING INDEX" in step for step in found)


def test_what_waits_is_found_by_its_state(ctx: Context, school: Institution, filled: list[str]) -> None:
    """An institution may hold a million records, of which two wait."""
    waiting = support.resource(ctx, school, "等待审核", state="submitted")
    reviewer = Actor(id="r", roles={school.id: frozenset({"curator"})}, scopes=frozenset({"all"}))
    with asked(ctx) as statements:
        assert [one.id for one in curation.queue(ctx, reviewer).items] == [waiting.id]
    waited = steps(ctx, [one for one in statements if "ORDER BY resource.id" in one[0]], "resource")
    assert waited
    assert all("(state=?" in step for step in waited)


def reads_texts(statements: list[tuple[str, Any]]) -> list[str]:
    """Statements that fetch whole texts of records."""
    return [one[0] for one in statements if re.search(r"resource(_1)?\.text\b", one[0])]


def test_collections_never_read_the_texts_of_what_is_in_them(ctx: Context, filled: list[str]) -> None:
    """A text may have a million characters, and a collection five hundred of them."""
    items = [ItemDraft(resource_id=one) for one in filled]
    draft = CollectionDraft(title="合唱", state="published", items=items)
    made = [collections.create(ctx, OPERATOR, draft) for _ in range(3)]
    with asked(ctx) as listing:
        assert [one.count for one in collections.listing(ctx, ANONYMOUS).items] == [3, 3, 3]
    assert len(listing) == 2  # the collections, and their pictures
    with asked(ctx) as viewing:
        assert len(collections.view(ctx, ANONYMOUS, made[0]).items) == 3
    assert not too_much(ctx, listing + viewing)
    assert not reads_texts(listing + viewing)


def test_neither_lists_nor_records_nor_media_read_texts(ctx: Context, school: Institution, filled: list[str]) -> None:
    """A page of a hundred records would bring a hundred megabytes, and each piece of a film its whole text."""
    support.resource(ctx, school, "等待审核", state="submitted", text="等待")
    with ctx.db.read() as session:
        file = session.scalars(select(File).where(File.resource_id == filled[0])).one()
    with asked(ctx) as statements:
        assert len(catalog.list_resources(ctx, OPERATOR).items) == 4
        assert len(curation.queue(ctx, OPERATOR).items) == 1
        assert len(publicity.newest(ctx, 9)) == len(publicity.by_ids(ctx, filled)) == 3
        assert related.related(ctx, ANONYMOUS, filled[0])
        assert catalog.record(ctx, ANONYMOUS, filled[0]).id == filled[0]
        assert media.open_file(ctx, OPERATOR, filled[0], file.version, file.path)
        curation.withdraw(ctx, OPERATOR, filled[0], reason="过时")
    assert not reads_texts(statements)


def test_what_nobody_announced_is_looked_for_in_one_portion_at_a_time(ctx: Context, filled: list[str]) -> None:
    """Every fifteen seconds: what it reads may not grow with the catalogue, nor with what waits for the index."""
    with ctx.db.write() as session:
        session.get_one(Resource, min(filled)).rev += 1
    with asked(ctx) as statements:
        assert upkeep.want_index(ctx, upkeep.Walk(portion=2)) == 1
    assert steps(ctx, statements, "resource") == {"SEARCH resource USING INDEX sqlite_autoindex_resource_1 (id>?)"}
    assert all("(resource_id>? AND resource_id<?)" in step for step in steps(ctx, statements, "index_state"))
    (waiting,) = steps(ctx, statements, "outbox")
    assert "(done_at=? AND kind=? AND aggregate>? AND aggregate<?)" in waiting
    assert sum("LIMIT" in statement for statement, _ in statements) == 2  # once to look, once more where it writes


def test_old_versions_are_looked_for_where_a_resource_has_some(ctx: Context, filled: list[str]) -> None:
    """Few records have a second version, and each has files by the hundred."""
    with asked(ctx) as statements:
        versions.clear_old(ctx)
    assert len(statements) == 1
    found = steps(ctx, statements, "file")
    assert found
    assert all("(resource_id=? AND version" in step for step in found), found
