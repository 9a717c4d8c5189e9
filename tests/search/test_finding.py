"""From rows to results: what the catalogue's search shows, and what it must never show."""

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from repo_service.context import Context
from repo_service.errors import Invalid
from repo_service.models import Blob, File, IndexState, Institution, Outbox, Passage, Resource, Subject
from repo_service.policy import ANONYMOUS
from repo_service.services import finding, indexing, paging
from repo_service.services.indexing import SearchPage, SearchRequest
from tests import support

CUES = (
    (10.0, 12.0, "首先打开手机上的"),
    (12.0, 15.0, "微信应用程序。"),
    (15.5, 19.0, "然後點擊資料庫備份。"),
)


@pytest.fixture
def school(ctx: Context) -> Institution:
    """An institution that gives courseware."""
    return support.institution(ctx, name="郑州老年大学", kind="elder_university")


def publish(ctx: Context, school: Institution, title: str, **fields: object) -> Resource:
    """A published resource that waits for the index."""
    row = support.resource(ctx, school, title, state="published", published_at=ctx.clock(), **fields)
    with ctx.db.write() as session:
        indexing.touch(session, ctx, session.get_one(Resource, row.id), visibility=True)
    return row


def add_cues(ctx: Context, resource: Resource) -> None:
    """Captions of a lecture, as the captions step leaves them."""
    with ctx.db.write() as session:
        session.add(Blob(sha256="0" * 64, size=1, created_at=ctx.clock()))
        session.flush()
        file = File(
            resource_id=resource.id,
            version=1,
            role="captions",
            path="given/captions",
            name="a.srt",
            media_type="application/x-subrip",
            sha256="0" * 64,
            size=1,
            created_at=ctx.clock(),
        )
        session.add(file)
        session.flush()
        for ordinal, (start, end, text) in enumerate(CUES):
            session.add(
                Passage(
                    resource_id=resource.id,
                    version=1,
                    file_id=file.id,
                    step="captions",
                    ordinal=ordinal,
                    kind="cue",
                    start=start,
                    end=end,
                    text=text,
                )
            )


def test_a_chapter_is_no_place_of_its_own_where_its_page_is_one(ctx: Context, school: Institution) -> None:
    row = publish(ctx, school, "北方果树手册", media_kind="document")
    add_cues(ctx, row)
    with ctx.db.write() as session:
        file = session.scalars(select(File.id).where(File.resource_id == row.id)).one()
        book = {"resource_id": row.id, "version": 1, "file_id": file, "step": "text"}
        page = {"kind": "page", "page": 3, "text": "繁殖的方法有实生、扦插和压条。", "heading": "怎样繁殖"}
        session.add(Passage(**book, ordinal=1, **page))
        session.add(Passage(**book, ordinal=2, kind="chapter", page=3, text="怎样繁殖", heading="怎样繁殖"))
        session.add(Passage(**book, ordinal=3, kind="chapter", page=4, text="繁殖之后", heading="繁殖之后"))
    indexing.reindex(ctx)
    (hit,) = find(ctx, "繁殖").hits
    assert {(place.kind, place.page) for place in hit.passages} == {("page", 3), ("chapter", 4)}


def find(ctx: Context, q: str, **asked: object) -> SearchPage:
    """A search as anybody makes it."""
    return indexing.search(ctx, ANONYMOUS, SearchRequest(q=q, **asked))  # type: ignore[arg-type]


def test_published_is_found_with_marks_reasons_and_the_second(ctx: Context, school: Institution) -> None:
    row = publish(ctx, school, "老年人<智能手机>入门", description="学会用微信。", media_kind="video", duration=700.0)
    add_cues(ctx, row)
    assert indexing.drain(ctx) == 1
    page = find(ctx, "微信应用")
    assert (page.total, page.degraded, page.hits[0].id) == (1, False, row.id)
    passage = page.hits[0].passages[0]
    assert passage.url == f"/resources/{row.id}?t=10"
    assert (passage.start, passage.end) == (10.0, 15.0)
    assert "手机上的<mark>微信" in passage.highlighted
    assert "passages" in page.hits[0].why
    assert "description" in page.hits[0].why
    title = find(ctx, "智能手机").hits[0]
    assert title.highlighted == "老年人&lt;<mark>智能手机</mark>&gt;入门"
    assert "title" in title.why


def test_simplified_words_find_traditional_speech(ctx: Context, school: Institution) -> None:
    row = publish(ctx, school, "备份课")
    add_cues(ctx, row)
    indexing.drain(ctx)
    (passage,) = find(ctx, "数据库备份").hits[0].passages
    assert passage.highlighted == "然後點擊<mark>資料庫備份</mark>。"
    assert passage.start == 15.5


def test_withdrawn_is_gone_at_once_even_before_the_index_knows(ctx: Context, school: Institution) -> None:
    row = publish(ctx, school, "太极拳教程")
    indexing.drain(ctx)
    with ctx.db.write() as session:
        fresh = session.get_one(Resource, row.id)
        fresh.state = "withdrawn"
        indexing.touch(session, ctx, fresh, visibility=True)
    assert find(ctx, "太极拳").hits == []
    assert indexing.suggest(ctx, "太极") == []
    assert indexing.drain(ctx) == 1
    assert find(ctx, "太极拳").total == 0


def test_facets_carry_names_and_what_is_chosen(ctx: Context, school: Institution) -> None:
    publish(ctx, school, "剪纸一", media_kind="video", kinds=["elders"])
    publish(ctx, school, "剪纸二", media_kind="document", kinds=["elders", "community"])
    indexing.drain(ctx)
    page = find(ctx, "剪纸", filters={"media_kind": ["video"]}, locale="en")
    assert page.total == 1
    kinds = [(value.label, value.count, value.selected) for value in page.facets["media_kind"]]
    assert kinds == [("Document", 1, False), ("Video", 1, True)]
    assert [(value.value, value.count) for value in page.facets["kind"]] == [("elders", 1)]
    assert page.facets["institution"][0].label == "郑州老年大学"
    assert page.facets["division"][0].label == "郑州市"


def test_paging_by_cursor_reaches_everything_once(ctx: Context, school: Institution) -> None:
    made = {publish(ctx, school, f"合唱排练 {number}").id for number in range(7)}
    indexing.drain(ctx)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        page = find(ctx, "合唱", limit=2, cursor=cursor)
        seen += [hit.id for hit in page.hits]
        cursor = page.next_cursor
    assert cursor is None
    assert sorted(seen) == sorted(made)


def test_too_deep_and_foreign_cursors_are_refused_with_a_code(ctx: Context, school: Institution) -> None:
    publish(ctx, school, "书法")
    publish(ctx, school, "书法二")
    indexing.drain(ctx)
    with pytest.raises(Invalid) as deep:
        find(ctx, "书法", offset=10_000)
    assert deep.value.stable_code == "too_deep"
    cursor = find(ctx, "书法", limit=1).next_cursor
    indexing.reindex(ctx)
    with pytest.raises(Invalid) as stale:
        find(ctx, "书法", limit=1, cursor=cursor)
    assert stale.value.stable_code == "stale_cursor"


def test_the_last_page_ends_where_paging_ends(
    ctx: Context, school: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cursor that is given out leads to a page, whatever number of hits is asked for."""
    monkeypatch.setattr(finding, "MAX_DEPTH", 5)
    for number in range(7):
        publish(ctx, school, f"合唱排练 {number}")
    indexing.drain(ctx)
    sizes: list[int] = []
    cursor: str | None = None
    while not sizes or cursor:
        page = find(ctx, "合唱", limit=2, cursor=cursor)
        sizes.append(len(page.hits))
        cursor = page.next_cursor
    assert sizes == [2, 2, 1]


def test_hints_name_nothing_that_is_no_longer_public(ctx: Context, school: Institution) -> None:
    row = publish(ctx, school, "北方果树修剪名单")
    indexing.drain(ctx)
    assert "北方果树修剪名单" in [hint.text for hint in find(ctx, "beifangguo 剪纸 qqqzzz", exact=True).hints]
    with ctx.db.write() as session:
        fresh = session.get_one(Resource, row.id)
        fresh.state = "withdrawn"
        indexing.touch(session, ctx, fresh, visibility=True)
    assert "北方" not in str(find(ctx, "beifangguo 剪纸 qqqzzz", exact=True).hints)


def offered(ctx: Context, q: str) -> list[tuple[str, str, int | None]]:
    """The most that is offered in some tries: hints have so much time, and this machine may be slow."""
    tries = ([(hint.kind, hint.text, hint.total) for hint in find(ctx, q).hints] for _ in range(10))
    return max(tries, key=len)


def test_in_vain_a_part_of_the_word_and_what_begins_like_it_are_offered(ctx: Context, school: Institution) -> None:
    publish(ctx, school, "计算机入门")
    publish(ctx, school, "种植技术")
    indexing.drain(ctx)
    assert offered(ctx, "“计算机网络”")[0] == ("part", "计算机", 1)
    assert offered(ctx, "“入门计算机”")[0] == ("apart", "入门 计算机", 1)
    assert find(ctx, "计算机").total == 1
    assert ("near", "种植技术", None) in offered(ctx, "种树")


def test_filters_hold_while_the_engine_is_away(ctx: Context, school: Institution) -> None:
    kept = publish(
        ctx,
        school,
        "剪纸一",
        kinds=["community", "elders"],
        media_kind="video",
        year=2024,
        level="primary",
        degree=True,
    )
    publish(ctx, school, "剪纸二", kinds=["workers"], media_kind="document", language="en", licence="CC0-1.0")
    for name, value in (
        ("kind", "elders"),
        ("media_kind", "video"),
        ("year", "2024"),
        ("level", "primary"),
        ("degree", "true"),
        ("language", "zh-Hans"),
        ("licence", "CC-BY-4.0"),
    ):
        page = find(ctx, "剪纸", filters={name: [value]})
        assert page.degraded
        assert [hit.id for hit in page.hits] == [kept.id], name
    for name, number in (("institution", 2), ("institution_kind", 2), ("captions", 2), ("vocational", 2)):
        value = {"institution": "xuexiao", "institution_kind": school.kind}.get(name, "false")
        assert find(ctx, "剪纸", filters={name: [value]}).total == number, name
        assert find(ctx, "剪纸", filters={name: ["none", "%"]}).total == 0, name
    later = find(ctx, "剪纸", cursor=paging.encode("an index", 1), limit=1)
    assert (later.degraded, len(later.hits)) == (True, 1), "another page, though of no index"
    for name in ("subject", "division", "duration", "downloadable"):
        page = find(ctx, "剪纸", filters={name: ["true"]})
        assert (page.degraded, page.total) == (True, 0), "what the database cannot say is not left out"


def test_lost_index_degrades_and_fills_itself(ctx: Context, school: Institution) -> None:
    row = publish(ctx, school, "豫剧名段欣赏")
    page = find(ctx, "豫剧")
    assert page.degraded, "no index was written yet: the database answers by title"
    assert [hit.id for hit in page.hits] == [row.id]
    indexing.drain(ctx)
    assert not find(ctx, "豫剧").degraded
    with ctx.db.read() as session:
        held = session.query(IndexState).one()
    assert (held.indexed_rev, held.present) == (row.rev + 1, True)


def test_reindex_keeps_answers_and_reports(ctx: Context, school: Institution) -> None:
    for number in range(5):
        publish(ctx, school, f"病虫害防治 {number}")
    indexing.drain(ctx)
    done = indexing.reindex(ctx)
    assert (done.done, done.failed) == (5, ())
    assert find(ctx, "病虫害").total == 5
    with ctx.db.read() as session:
        assert session.query(Outbox).filter(Outbox.done_at.is_(None)).count() == 0
        generations = {row.generation for row in session.query(IndexState)}
    assert generations == {ctx.index.health().generation}


def test_suggestions_lead_somewhere(ctx: Context, school: Institution) -> None:
    row = publish(ctx, school, "计算机网络基础")
    indexing.drain(ctx)
    for typed in ("计算", "网络", "jisuanji", "jsjwl", "計算機"):
        assert indexing.suggest(ctx, typed)[0].url == f"/resources/{row.id}", typed
    assert indexing.suggest(ctx, "老年")[0].url == "/institutions/xuexiao"


def test_names_lead_to_what_they_name(ctx: Context, school: Institution) -> None:
    """The words of a name would find much that only holds one of them."""
    with ctx.db.write() as session:
        session.add(Subject(code="G4", label_zh="教育", label_en="Education"))
    made = publish(ctx, school, "作文入门", subjects=["G4"], creators=["赵保田"])
    publish(ctx, school, "教育与田野", description="赵先生，保田水")
    indexing.drain(ctx)
    for typed, kind in (("教育", "subject"), ("赵保", "person")):
        (address,) = [one.url for one in indexing.suggest(ctx, typed) if one.kind == kind]
        given = parse_qs(urlsplit(address).query)
        page = find(ctx, given.get("q", [""])[0], filters={name: given[name] for name in ("subject",) if name in given})
        assert [hit.id for hit in page.hits] == [made.id], address
