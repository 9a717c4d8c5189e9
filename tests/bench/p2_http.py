"""P2: search over HTTP, the service on its embedded engine against Elasticsearch's own ``_search``.

The same records, words, facets and page on both sides, driven by wrk: 200 queries again and again, which the service
answers from what it keeps ready while nothing is written, and, as ``first``, each question as if nobody had asked it
before. The peer answers ids and counts alone; the service also re-checks each hit in the database, finds passages and
reasons, and highlights. Without wrk or Elasticsearch the figures are skipped.
"""

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from repo_service import wiring
from repo_service.services import indexing
from repo_service.settings import Settings
from search import asking, elastic, elastic_query
from search.model import FACETS, Query
from search.query import understand
from search.stages import Stage
from search.text import tokens
from tests.bench import p7_import
from tests.bench.harness import SEED, Goal, Measures, Verdict, column, ratio
from tests.servers.base import Missing
from tests.servers.elastic import distribution, node
from tests.serving import Served

QUERIES = 200
CONNECTIONS = 16
SECONDS, SECONDS_SMALL = 10, 3
SETTLED = 3.0  # seconds until the installation has nothing left to write
SKIPPED: Measures = {"rate": 0.0, "p50": 0.0, "first_rate": 0.0, "first_p50": 0.0, "errors": 0.0}
_TIMES = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def setup(folder: Path, small: bool) -> None:
    """An installation with the records of P7, and the queries: two words of one title each, always the same ones."""
    p7_import.setup(folder, small)
    p7_import.subject(folder, small)
    records = [json.loads(line) for line in (folder / p7_import.RECORDS_FILE).open(encoding="utf-8")]
    chance = random.Random(SEED)
    queries: list[str] = []
    while len(queries) < QUERIES:
        title = tokens(chance.choice(records)["title"])
        found = [token.text for token in title if len(token.text) > 1 and not token.part]
        if len(found) > 1:
            queries.append(" ".join(chance.sample(found, 2)))
    (folder / "queries.json").write_text(json.dumps(queries), encoding="utf-8")


def subject(folder: Path, small: bool) -> Measures:
    """``xuehai serve`` with one process of the site for each core."""
    if not _able():
        return SKIPPED
    asked = [("GET", f"/api/v1/search?q={quote(query)}&limit=20", "") for query in _queries(folder)]
    again = _script(folder / "subject.lua", asked)
    first = _script(folder / "first.lua", asked, never_twice=True)
    served = Served(folder / "installation", 0, "--workers", str(os.cpu_count() or 1), XUEHAI_LOG_LEVEL="WARNING")
    try:
        time.sleep(SETTLED)
        new = _driven(served.ready["url"], first, small)
        known = _driven(served.ready["url"], again, small)
    finally:
        served.end()
    errors = new.pop("errors") + known.pop("errors")
    return {**known, **{f"first_{name}": figure for name, figure in new.items()}, "errors": errors}


def elasticsearch(folder: Path, small: bool) -> Measures:
    """One node over the same documents, asked for the same words with the same clauses, page, total and facets."""
    if not _able():
        return SKIPPED
    bodies = []
    for query in map(Query, _queries(folder)):
        stage = Stage(understand(query.text), "strict")
        bodies.append(elastic_query.hits(query, stage.plan, asking.narrowed(asking.matching(stage), {}, ()), FACETS))
    asked = [("POST", "/bench-resources/_search", json.dumps(body)) for body in bodies]
    script = _script(folder / "peer.lua", asked)
    with _node(folder) as url:
        return _driven(url, script, small)


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """Requests a second at many connections, and half the answers' time at one."""
    ours, theirs = runs["subject"], runs["elasticsearch"]
    what = "search over HTTP, against Elasticsearch"
    if not column(ours, "rate")[0]:
        return [Verdict(what, 0.0, 2.0, at_least=True, status="skipped")]
    assert not any(column(ours, "errors") + column(theirs, "errors"))
    return [
        ratio(f"{what}, rate", column(ours, "rate"), column(theirs, "rate"), 2.0, at_least=True),
        ratio(f"{what}, p50 at one connection", column(ours, "p50"), column(theirs, "p50"), 0.7, at_least=False),
        *(_stated(name, ours, theirs) for name in ("rate", "p50", "first_rate", "first_p50")),
    ]


def _stated(name: str, ours: Sequence[Measures], theirs: Sequence[Measures]) -> Verdict:
    """A figure of ours with the peer's beside it, without a limit."""
    peer, unit = statistics.median(column(theirs, name.removeprefix("first_"))), "/s" if "rate" in name else "ms"
    what = (
        "each question for the first time" if "first" in name else "questions known already"
    ) + f" (peer {peer:.3g})"
    figure = statistics.median(column(ours, name))
    return Verdict(f"{what} (peer {peer:.3g} {unit})", figure, 0.0, at_least="rate" in name, unit=unit)


def _queries(folder: Path) -> list[str]:
    asked: list[str] = json.loads((folder / "queries.json").read_text(encoding="utf-8"))
    return asked


def _able() -> bool:
    try:
        distribution()
    except Missing as missing:
        sys.stderr.write(f"{missing}\n")
        return False
    return shutil.which("wrk") is not None


def _script(path: Path, requests: Sequence[tuple[str, str, str]], *, never_twice: bool = False) -> Path:
    """Lua for wrk: these requests in turn; each thread begins somewhere else.

    ``never_twice``: with a parameter that means nothing and is another one each time, over several runs too.
    """
    mark = " .. '&once=' .. me .. '-' .. at" if never_twice else ""
    lines = [f"{{{json.dumps(m)}, {json.dumps(p)}, {_lua(b)}}}" for m, p, b in requests]
    path.write_text(
        f"local asked = {{{','.join(lines)}}}\nlocal at = 0\nlocal threads = 0\n"
        "function setup(thread) thread:set('at', threads * 37) thread:set('me', os.time() .. '-' .. threads)\n"
        "  threads = threads + 1 end\n"
        "function request() at = at + 1 local one = asked[(at - 1) % #asked + 1]\n"
        f"  return wrk.format(one[1], one[2]{mark}, {{['Content-Type'] = 'application/json'}}, one[3]) end\n",
        encoding="utf-8",
    )
    return path


def _lua(text: str) -> str:
    return f"[==[{text}]==]" if text else "nil"


def _driven(url: str, script: Path, small: bool) -> Measures:
    """Both loads, after one round to get warm. Raises ValueError when wrk says something else than it does."""
    many, wrong = rate(url, script, small)
    one = _wrk(f"http://{urlsplit(url).netloc}", script, 1, 1, SECONDS_SMALL if small else SECONDS)
    found = re.search(r"50%\s+([\d.]+)(us|ms|s)\b", one)
    if found is None:
        raise ValueError(one)
    wrong += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", one)))
    return {"rate": many, "p50": float(found[1]) * _TIMES[found[2]], "errors": wrong}


def rate(url: str, script: Path, small: bool) -> tuple[float, float]:
    """Answers a second at many connections, after a round to get warm; and how many were refusals."""
    place = f"http://{urlsplit(url).netloc}"
    seconds = SECONDS_SMALL if small else SECONDS
    _wrk(place, script, 2, CONNECTIONS, seconds)
    said = _wrk(place, script, 2, CONNECTIONS, seconds)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise ValueError(said)
    return float(found[1]), float(sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", said))))


def _wrk(url: str, script: Path, threads: int, connections: int, seconds: int) -> str:
    words = ("--latency", "-s", str(script), f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s")
    return subprocess.run(["wrk", *words, url], stdout=subprocess.PIPE, check=True, text=True).stdout


@contextmanager
def _node(folder: Path) -> Iterator[str]:
    """The node with the installation's documents; its data stay for the next run."""
    own = folder / "elasticsearch"
    own.mkdir(exist_ok=True)
    alone = node(own)
    with alone.up():
        index = elastic.connect(f"{alone.url}/bench")
        if index.health().must_fill:
            _fill(folder, f"{alone.url}/bench")
            time.sleep(2)  # for merges
        index.close()
        yield alone.url


def _fill(folder: Path, url: str) -> None:
    """By a copy of the installation: its database remembers what its own index holds."""
    copy = folder / "copy"
    shutil.copytree(folder / "installation", copy)
    ctx = wiring.build(Settings(data_dir=copy, search_url=url))
    done = indexing.reindex(ctx)
    assert not done.failed
    ctx.close()


GOAL = Goal(
    "P2",
    "Search over HTTP",
    setup,
    {"subject": subject, "elasticsearch": elasticsearch},
    check,
    rounds=3,
    rounds_small=1,
    steady="rate",
)
