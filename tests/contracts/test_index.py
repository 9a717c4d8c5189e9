"""What every search engine must do, whatever engine it is."""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from search.model import Document, Passage, Query, Tombstone
from search.passages import first_and_more
from search.port import SearchIndex
from search.synonyms import Synonyms
from search.words import dictionary, set_words

LECTURES = (
    Document(
        "a",
        5,
        "计算机网络基础",
        description="讲解互联网如何工作。",
        keywords=("通信",),
        people=("王老师",),
        institution="郑州大学",
        subjects=("计算机技术", "Computing"),
        facets={"media_kind": ("video",), "year": ("2024",), "division": ("410100000000", "410102000000")},
        passages=(
            Passage("a1", "cue", "今天我们学习路由器的配置。", 10.0, 14.0),
            Passage("a2", "cue", "然后学习交换机。", 14.0, 18.0),
        ),
        published_at=1_700_000_000.0,
        duration=600.0,
        opens=5,
    ),
    Document(
        "b",
        2,
        "資料庫系統概論",
        description="Relational databases and SQL，使用 Python3.11 與 C++。",
        people=("Li Ming",),
        institution="开封大学",
        facets={"media_kind": ("document",), "year": ("2023",), "division": ("410200000000",)},
        passages=(Passage("b1", "page", "關聯式資料庫的路由與索引", page=3),),
        published_at=1_710_000_000.0,
        pages=12,
        opens=50,
    ),
    Document(
        "c",
        9,
        "太极拳二十四式",
        description="适合老年人在社区练习。标准见 GB/T 21365。",
        institution="郑州老年大学",
        facets={"media_kind": ("video",), "year": ("2023",), "division": ("410100000000",)},
        published_at=1_720_000_000.0,
        duration=60.0,
        opens=500,
    ),
)

ALIKE = 330


@pytest.fixture
def filled(index: SearchIndex) -> SearchIndex:
    """An index with three resources."""
    assert index.write(LECTURES) == []
    return index


def ids(index: SearchIndex, text: str, **asked: object) -> list[str]:
    """What a query finds, in order."""
    return [hit.id for hit in index.search(Query(text, **asked)).hits]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("网络", ["a"]),
        ("網絡", ["a"]),
        ("数据库", ["b"]),
        ("資料庫", ["b"]),
        ("路由器配置", ["a"]),
        ("Python3.11", ["b"]),
        ("c++", ["b"]),
        ("ＳＱＬ", ["b"]),
        ("database", ["b"]),
        ("GB/T21365", ["c"]),
        ("jisuanji", ["a"]),
        ("taiji quan", ["c"]),
        ("tjq", ["c"]),
        ("tjqessss", ["c"]),
        ("taijiquanershisishi", ["c"]),
        ("太级泉二十四式", ["c"]),
        ("计算机wangluo", ["a"]),
        ("学习 luyouqi", ["a"]),
        ("SQL suoyin", ["b"]),
        ("太级拳", ["c"]),
        ("王老师", ["a"]),
        ("title:太极拳", ["c"]),
        ("机构:郑州大学", ["a"]),
        ("“学习路由器”", ["a"]),
        ("年份:2023 -拳", ["b"]),
        ("", ["c", "b", "a"]),
    ],
)
def test_finds(filled: SearchIndex, typed: str, found: list[str]) -> None:
    assert ids(filled, typed) == found


def test_every_word_first_then_some(filled: SearchIndex) -> None:
    assert ids(filled, "路由 索引") == ["b", "a"]
    assert ids(filled, "路由 索引", sort="newest") == ["b"], "in another order, some of the words would come first"
    assert set(ids(filled, "路由 太极拳")) == {"a", "b", "c"}


def test_says_why_and_where(filled: SearchIndex) -> None:
    (hit,) = filled.search(Query("路由器")).hits
    assert hit.why == ("passages",)
    assert [place.id for place in hit.passages] == ["a1"]
    assert hit.passages_total == 1
    (hit,) = filled.search(Query("互联网")).hits
    assert hit.why == ("description",)
    answer = filled.search(Query("计算机"))
    assert answer.hits[0].why == ("title", "subjects")
    assert "计算机" in answer.terms


def test_every_hit_has_its_passages_however_many_another_one_has(index: SearchIndex) -> None:
    many = tuple(Passage(f"m{n}", "cue", "豫剧豫剧", float(n), n + 1.0) for n in range(600))
    few = (Passage("f0", "page", "这一页讲到豫剧，也讲到别的许多事情，例如曲剧和越调。", page=1),)
    index.write([Document("many", 1, "戏曲甲", passages=many), Document("few", 1, "戏曲乙", passages=few)])
    found = {hit.id: hit for hit in index.search(Query("豫剧")).hits}
    assert [place.id for place in found["few"].passages] == ["f0"]
    assert (len(found["many"].passages), found["many"].passages_total) == (3, 600)


def test_passages_of_one_resource(filled: SearchIndex) -> None:
    answer = filled.search(Query("学习", within="a"))
    assert answer.total == 2
    assert sorted(first_and_more(place.id)[0] for place in answer.hits[0].passages) == ["a1", "a2"]
    assert filled.search(Query("路由", within="c")).total == 0


@pytest.mark.parametrize(
    ("typed", "meant"), [("xuexi", "学习"), ("xue xi", "学习"), ("雪习", "学习"), ("學習", ""), ("怎么学习", "")]
)
def test_inside_a_resource_words_are_read_as_everywhere(filled: SearchIndex, typed: str, meant: str) -> None:
    answer = filled.search(Query(typed, within="a"))
    assert (answer.total, answer.corrected) == (2, meant)
    assert "学习" in answer.terms
    assert meant == "" or filled.search(Query(typed, within="a", exact=True)).total == 0


@pytest.mark.parametrize("word", ["种树", "电视", "机器", "经济", "孙子", "种树 电视"])
def test_a_word_that_no_document_holds_is_no_slip(index: SearchIndex, word: str) -> None:
    """Else a learner would read of heat stroke (中暑), and no librarian would hear that 种树 is missing."""
    titles = ("预防中暑", "点是什么", "急起直追", "茎急性病", "孙字的写法")
    index.write([Document(str(n), 1, title) for n, title in enumerate(titles)])
    answer = index.search(Query(word))
    assert (answer.total, answer.corrected) == (0, "")
    assert index.search(Query("中署")).corrected == "中暑"


def test_facets_ignore_their_own_filter(filled: SearchIndex) -> None:
    answer = filled.search(Query(filters={"media_kind": ("video",)}))
    assert answer.total == 2
    assert answer.facets["media_kind"] == (("video", 2), ("document", 1))
    assert answer.facets["year"] == (("2023", 1), ("2024", 1))
    both = filled.search(Query(filters={"media_kind": ("video", "document"), "year": ("2023",)}))
    assert both.total == 2
    assert both.facets["year"] == (("2023", 2), ("2024", 1))
    assert both.facets["media_kind"] == (("document", 1), ("video", 1))
    assert dict(answer.facets["division"]) == {"410100000000": 2, "410102000000": 1}


def test_a_filter_without_hits_never_loosens_the_words(filled: SearchIndex) -> None:
    answer = filled.search(Query("太极拳", filters={"media_kind": ("document",)}))
    assert answer.total == 0
    assert answer.facets["media_kind"] == (("video", 1),)


@pytest.mark.parametrize(
    ("sort", "order"), [("newest", ["c", "b", "a"]), ("shortest", ["c", "a", "b"]), ("most_opened", ["c", "b", "a"])]
)
def test_orders(filled: SearchIndex, sort: str, order: list[str]) -> None:
    assert ids(filled, "", sort=sort) == order


def test_the_shortest_is_seen_before_it_is_read(index: SearchIndex) -> None:
    """By seconds, then by pages, then what has neither."""
    lengths = {"film": (3_600.0, 0), "clip": (30.0, 0), "leaflet": (0.0, 2), "book": (0.0, 700), "record": (0.0, 0)}
    index.write([Document(name, 1, name, duration=long, pages=pages) for name, (long, pages) in lengths.items()])
    found = index.search(Query(sort="shortest"))
    assert [hit.id for hit in found.hits] == ["clip", "film", "leaflet", "book", "record"]


def test_pages_by_offset(filled: SearchIndex) -> None:
    pages = [ids(filled, "", offset=offset, limit=1) for offset in range(4)]
    assert pages == [["c"], ["b"], ["a"], []]


def test_pages_fit_together_when_all_are_alike(index: SearchIndex) -> None:
    """Serial titles weigh the same, and lie in the index as they were written last."""
    numbers = list(range(ALIKE))
    for part in range(4):  # edits and growth put documents behind others
        random.Random(part).shuffle(numbers)
        some = numbers if not part else numbers[: ALIKE // 5]
        index.write([Document(id=f"{n:05}", rev=part + 1, title="数学讲义", published_at=1e9) for n in some])
    for limit in (7, 20, 100):
        shown = [one for start in range(0, ALIKE, limit) for one in ids(index, "数学", limit=limit, offset=start)]
        assert len(shown) == len(set(shown)) == ALIKE
        assert shown[:100] == sorted(shown[:100])


def test_older_revisions_are_ignored(filled: SearchIndex) -> None:
    filled.write([replace(LECTURES[0], rev=4, title="旧的题目")])
    assert ids(filled, "旧的题目") == []
    filled.write([replace(LECTURES[0], rev=6, title="新的题目", passages=())])
    assert ids(filled, "新的题目") == ["a"]
    assert ids(filled, "路由器的配置 交换机") == [], "the passages of the older revision are gone"
    assert filled.search(Query("交换机", within="a")).total == 0


def test_tombstones_are_remembered(filled: SearchIndex) -> None:
    filled.write([Tombstone("a", 6)])
    assert list(filled.scan()) == [("b", 2), ("c", 9)]
    filled.write([LECTURES[0]])
    assert ids(filled, "网络") == []
    assert filled.suggest("计算机") == []
    filled.write([replace(LECTURES[0], rev=7)])
    assert ids(filled, "网络") == ["a"]


def test_newest_revision_of_a_batch_wins(index: SearchIndex) -> None:
    index.write([replace(LECTURES[0], rev=3, title="三"), replace(LECTURES[0], rev=2, title="二")])
    assert list(index.scan()) == [("a", 3)]
    index.write([replace(LECTURES[0], rev=5), Tombstone("a", 4)])
    assert list(index.scan()) == [("a", 5)]


def test_refuses_one_document_and_takes_the_others(index: SearchIndex) -> None:
    rejected = index.write([replace(LECTURES[0], title="\ud800 孤立代理项"), LECTURES[1]])
    assert [one.id for one in rejected] == ["a"]
    assert [identity for identity, _ in index.scan()] == ["b"]


def test_rebuild_replaces_everything_at_once(filled: SearchIndex) -> None:
    before = filled.health().generation
    assert filled.rebuild(iter(LECTURES[1:])) == []
    health = filled.health()
    assert (health.ok, health.documents, health.detail) == (True, 2, "")
    assert health.generation != before
    assert ids(filled, "网络") == []
    assert ids(filled, "太极拳") == ["c"]


def test_what_changes_during_a_rebuild_is_in_the_new_generation(filled: SearchIndex) -> None:
    def documents() -> Iterator[Document]:
        """The catalogue as it was read, while somebody goes on working."""
        yield LECTURES[0]
        filled.write([replace(LECTURES[0], rev=8, title="改过的题目"), Tombstone("c", 10)])
        assert ids(filled, "改过的题目") == ["a"], "the live generation answers and takes changes"
        yield from LECTURES[1:]
        filled.write([Document("d", 1, "刚刚发布的课程")])

    filled.rebuild(documents())
    assert list(filled.scan()) == [("a", 8), ("b", 2), ("d", 1)]


def test_a_failed_rebuild_changes_nothing(filled: SearchIndex) -> None:
    def broken() -> Iterator[Document]:
        """A catalogue that goes away half-way."""
        yield LECTURES[0]
        raise ConnectionError("the database is away")

    with pytest.raises(ConnectionError):
        filled.rebuild(broken())
    assert len(list(filled.scan())) == 3
    filled.write([Tombstone("a", 6)])
    assert len(list(filled.scan())) == 2


def test_suggests_by_characters_pinyin_and_initials(filled: SearchIndex) -> None:
    for typed in ("计算", "網絡", "jisuan", "jsjwl", "jichu", "计算机wang"):
        assert filled.suggest(typed)[0].text == "计算机网络基础", typed
    kinds = {one.text: one.kind for one in filled.suggest("郑州")}
    assert kinds == {"郑州大学": "institution", "郑州老年大学": "institution"}
    assert filled.suggest("") == []
    assert filled.suggest("不存在的东西") == []


def test_initials_are_one_long_word_rather_than_two_frequent_ones(index: SearchIndex) -> None:
    often = [Document(f"{n:02}", 1, title, institution="国立大学") for n, title in enumerate(["高等实习", "管理"] * 20)]
    index.write([*often, Document("maths", 1, "高等数学", institution="国立大学")])
    found = {typed: index.search(Query(typed, limit=1)) for typed in ("gdsx", "gl")}
    assert (found["gdsx"].corrected, found["gdsx"].hits[0].id) == ("高等数学", "maths")
    assert found["gl"].corrected == "管理", "the name of an institution, in each of its documents, does not count"


def test_readers_and_a_writer_at_once(index: SearchIndex) -> None:
    index.write(LECTURES)
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        """Ask again and again; the lecture is always there, in one of its revisions."""
        while not stop.is_set():
            answer = index.search(Query("太极拳"))
            if [hit.id for hit in answer.hits] != ["c"] or answer.total != 1:
                wrong.append(answer)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for rev in range(10, 30):
        index.write([replace(LECTURES[2], rev=rev)])
    index.rebuild(iter([*LECTURES[:2], replace(LECTURES[2], rev=30)]))
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_cut_queries_say_so(filled: SearchIndex) -> None:
    assert filled.search(Query("网络 " * 5_000)).notices[0] == "query_cut"
    assert "query_cut" not in filled.search(Query("网络")).notices


def test_exact_words_are_taken_as_typed(filled: SearchIndex) -> None:
    slip = filled.search(Query("太级拳"))
    assert (slip.corrected, [hit.id for hit in slip.hits]) == ("太极拳", ["c"])
    asked = filled.search(Query("太级拳", exact=True))
    assert (asked.corrected, asked.total) == ("", 0)
    assert filled.search(Query("jisuanji", exact=True)).total == 0
    assert ids(filled, "网络", exact=True) == ["a"]
    assert ids(filled, "路由 太极拳", exact=True), "some of the words suffice, when not all are found"


def test_what_means_the_same_is_found_below_the_word_itself(index: SearchIndex) -> None:
    index.write(
        [
            Document("course", 1, "大规模开放在线课程怎么学"),
            Document("mooc", 1, "MOOC 入门"),
            Document("word", 1, "慕课入门"),
            Document("apart", 1, "开放的课程，在线，大规模"),
        ]
    )
    answer = index.search(Query("慕课"))
    assert answer.hits[0].id == "word"
    assert {hit.id for hit in answer.hits} == {"word", "mooc", "course"}, "an expression's words stand side by side"
    assert all(hit.why == ("title",) for hit in answer.hits)
    assert "mooc" in answer.terms
    assert set(ids(index, "大规模开放在线课程")) == {"course", "apart", "mooc", "word"}
    assert set(ids(index, "mooc")) == {"word", "mooc", "course"}
    assert ids(index, "慕课", exact=True) == ["word"]
    own = Synonyms([("慕课", "开放课")])
    assert ids(index, "慕课", synonyms=own) == ["word"]


def test_pinned_come_first_and_hidden_never(filled: SearchIndex) -> None:
    answer = filled.search(Query("学习", pinned=("c", "b"), hidden=("a",)))
    assert [hit.id for hit in answer.hits] == ["c", "b"]
    assert answer.total == 2
    assert answer.facets["media_kind"] == (("document", 1), ("video", 1))
    video = {"media_kind": ("video",)}
    assert ids(filled, "数据库", pinned=("c", "b"), filters=video) == ["c"]
    assert ids(filled, "数据库", pinned=("c",), sort="newest") == ["b"], "only the order by relevance has a first place"
    assert ids(filled, "", hidden=("b",)) == ["c", "a"]


def test_likeness_needs_some_of_the_words(filled: SearchIndex) -> None:
    assert ids(filled, "社区 练习 太极拳 路由", like=True)[0] == "c"
    assert set(ids(filled, "社区 练习 太极拳 路由", like=True, hidden=("c",))) == {"a", "b"}


def test_what_was_closed_is_opened_again_and_has_lost_nothing(
    filled: SearchIndex, opened: Callable[[], SearchIndex]
) -> None:
    filled.close()
    filled.close()
    again = opened()
    assert again.write([Tombstone("a", 6)]) == []
    assert {identity for identity, _ in again.scan()} == {"b", "c"}
    again.close()


def test_a_word_that_is_cut_otherwise_is_found_all_the_same(index: SearchIndex) -> None:
    """Words of the dictionary stand across the words of a text: 芽接与嫁接 is not cut at 接与嫁."""
    index.write([Document("a", 1, "桃树芽接与嫁接技术"), Document("b", 1, "皆预架的设计")])
    before = dictionary().own
    set_words({*before, "接与嫁"})
    try:
        assert ids(index, "接与嫁") == ["a"]
    finally:
        set_words(before)
