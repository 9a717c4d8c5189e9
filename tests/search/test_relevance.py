"""Search quality as a gate: judged questions, straight and bent, and the right sentence of a lecture."""

import json
from pathlib import Path

import pytest

from search.embedded import EmbeddedIndex
from tests.search import eval as evaluation
from tests.search import judged

EVERY = 8  # of the questions


@pytest.fixture(scope="module")
def cmrc(data_dir: Path) -> judged.JudgedSet:
    """The judged questions."""
    return judged.cmrc(data_dir)


@pytest.fixture(scope="module")
def articles(cmrc: judged.JudgedSet, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedIndex:
    """An index of the articles that they are about."""
    index = EmbeddedIndex(tmp_path_factory.mktemp("cmrc") / "index", writer=True)
    assert index.rebuild(cmrc.documents) == []
    return index


def test_questions_find_their_article(articles: EmbeddedIndex, cmrc: judged.JudgedSet) -> None:
    figures = judged.measure(articles, cmrc)
    assert figures.ndcg >= 0.988, figures
    assert figures.mrr >= 0.986, figures


def test_bent_questions_lose_little(articles: EmbeddedIndex, cmrc: judged.JudgedSet) -> None:
    clean = judged.measure(articles, cmrc, every=8)
    assert judged.measure(articles, cmrc, judged.traditional, every=8).mrr >= 0.99 * clean.mrr
    assert judged.measure(articles, cmrc, judged.slips(cmrc.documents), every=8).mrr >= 0.95 * clean.mrr
    assert judged.measure(articles, cmrc, judged.pinyin_letters, every=8).mrr >= 0.90 * clean.mrr


def test_simplified_questions_find_traditional_articles(cmrc: judged.JudgedSet, tmp_path: Path) -> None:
    some = cmrc.documents[:200]
    known = {document.id for document in some}
    asked = {q: text for q, text in cmrc.questions.items() if set(cmrc.answers[q]) <= known}
    part = judged.JudgedSet(some, asked, cmrc.answers)
    found: list[judged.Figures] = []
    for name, written in (("hans", some), ("hant", tuple(map(judged.in_traditional, some)))):
        index = EmbeddedIndex(tmp_path / name, writer=True)
        index.rebuild(written)
        found.append(judged.measure(index, part))
    simplified, traditional = found
    assert traditional.mrr >= 0.99 * simplified.mrr, found


@pytest.mark.slow
def test_no_figure_fell(data_dir: Path) -> None:
    kept = json.loads(evaluation.FIGURES.read_text(encoding="utf-8"))[str(EVERY)]
    assert evaluation.lost(kept, evaluation.ours(data_dir, EVERY)) == {}


def test_a_fall_is_told_from_a_tremor() -> None:
    before = {"question": 0.98, "keywords": 0.9, "gone": 0.5}
    assert evaluation.lost(before, {"question": 0.976, "keywords": 0.894}) == {
        "keywords": (0.9, 0.894),
        "gone": (0.5, 0.0),
    }
