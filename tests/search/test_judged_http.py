"""The judged questions asked of the API: what was imported by the command's own way, found in the right order."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from repo_service.app import create_app
from repo_service.context import Context
from repo_service.policy import OPERATOR
from repo_service.services import exchange
from tests import support
from tests.search import judged

EVERY = 8  # of the questions: the first of each eight


@pytest.fixture
def client(ctx: Context, data_dir: Path, tmp_path: Path) -> Iterator[TestClient]:
    """A site with the articles, each under its own id."""
    school = support.institution(ctx)
    file = tmp_path / "articles.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for one in judged.cmrc(data_dir).documents:
            lines.write(json.dumps({"id": one.id, "title": one.title, "text": one.text}, ensure_ascii=False) + "\n")
    taken = exchange.import_file(ctx, OPERATOR, file, "jsonl", school.slug, publish=True)
    assert (taken.created, taken.failed) == (1104, 0)
    with TestClient(create_app(ctx), base_url=ctx.settings.public_url) as made:
        yield made


@pytest.mark.slow
def test_questions_find_their_article_through_the_api(client: TestClient, data_dir: Path) -> None:
    cmrc = judged.bent(judged.cmrc(data_dir), str, EVERY)
    found: dict[str, list[str]] = {}
    for question, text in cmrc.questions.items():
        answer = client.get("/api/v1/search", params={"q": text, "limit": judged.DEPTH})
        assert answer.status_code == 200, text
        found[question] = [hit["external_id"] for hit in answer.json()["hits"]]
    ndcg, mrr = judged.worth(cmrc, found)
    assert ndcg >= 0.985, (ndcg, mrr)
    assert mrr >= 0.985, (ndcg, mrr)
