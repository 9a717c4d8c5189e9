"""A running site follows what another process says about the words of search, without a restart."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from repo_service import wiring
from repo_service.context import Context
from repo_service.policy import OPERATOR
from repo_service.services import lexicon
from repo_service.settings import Settings
from tests import support
from tests.migrated import migrate
from tests.serving import Served

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("serve")]
PATIENCE = 20.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Context, Served]]:
    """A running site with two lectures, and this process beside it, which does not write the index."""
    settings = Settings(data_dir=tmp_path / "data")
    writer = wiring.build(settings, index_writer=True)
    migrate(writer.db)
    school = support.institution(writer)
    for title in ("云课堂操作", "课堂上的云"):
        support.deposit(writer, school, f"{title}.txt", title.encode())
    writer.close()
    beside = wiring.build(settings)
    served = Served(settings.data_dir)
    yield beside, served
    assert served.end() == 0
    beside.close()


def found(served: Served, q: str) -> int:
    """How many resources the site finds for a query."""
    query = urllib.parse.urlencode({"q": q})
    with urllib.request.urlopen(f"{served.ready['url']}/api/v1/search?{query}", timeout=10) as answer:
        return int(json.loads(answer.read())["total"])


def soon(served: Served, q: str, total: int) -> bool:
    """Whether the site comes to find so many, within the patience of a test."""
    end = time.monotonic() + PATIENCE
    while found(served, q) != total:
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def test_the_site_learns_synonyms_from_another_process(site: tuple[Context, Served]) -> None:
    beside, served = site
    assert found(served, "Wolkenkurs") == 0
    group, _ = lexicon.save_group(beside, OPERATOR, lexicon.GroupDraft(expressions=["Wolkenkurs", "云课堂"]))
    assert soon(served, "Wolkenkurs", 1)
    lexicon.remove_group(beside, OPERATOR, group)
    assert soon(served, "Wolkenkurs", 0)


def test_the_site_and_its_worker_learn_own_words_from_another_process(site: tuple[Context, Served]) -> None:
    beside, served = site
    assert found(served, "title:云课堂") == 2, "its two parts"
    lexicon.add_word(beside, OPERATOR, lexicon.WordDraft(word="云课堂"))
    assert soon(served, "title:云课堂", 1)
    lexicon.remove_word(beside, OPERATOR, "云课堂")
    assert soon(served, "title:云课堂", 2)
