"""``python -m tests.search.eval``: search quality on judged questions and known items, beside Lucene's analyzers."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from search.embedded import EmbeddedIndex
from tests.search import judged, known, lucene, moments, typed
from tests.search.judged import JudgedSet
from tests.servers.base import Missing

DATA = Path(__file__).parents[3] / "shared" / "data"
FIGURES = Path(__file__).parent / "figures.json"
LOSS = 0.005  # of a figure; more is a regression
OURS = "Xuehai"


def groups(data: Path, every: int = 1) -> Iterator[dict[str, JudgedSet]]:
    """Sets that are asked of the same documents: each n-th CMRC question, straight and bent, and known items."""
    cmrc = judged.cmrc(data)
    slip = judged.slips(cmrc.documents)
    asked = {
        "question": judged.bent(cmrc, str, every),
        "keywords": judged.bent(cmrc, judged.keywords, every),
        "few words": judged.bent(cmrc, typed.few_words, every),
    }
    bends = {
        "Traditional": judged.traditional,
        "homophone slip": slip,
        "pinyin letters": judged.pinyin_letters,
    }
    more = {f"{name}, {way}": judged.bent(some, bend) for name, some in asked.items() for way, bend in bends.items()}
    cut = {"short words": typed.short_words, "vague words": typed.vague_words}
    more |= {name: judged.bent(cmrc, bend, every) for name, bend in cut.items()}
    yield asked | more | {"colloquial": judged.colloquial(cmrc, every)}
    written = tuple(map(judged.in_traditional, cmrc.documents))
    yield {
        f"{name} on Traditional articles": JudgedSet(written, some.questions, some.answers)
        for name, some in asked.items()
    }
    yield known.sets(known.catalogue(data))


def ours(data: Path, every: int = 1) -> dict[str, float]:
    """MRR@10 of the embedded engine on each set."""
    found: dict[str, float] = {}
    for sets in groups(data, every):
        with tempfile.TemporaryDirectory() as folder:
            index = EmbeddedIndex(Path(folder), writer=True)
            index.rebuild(next(iter(sets.values())).documents)
            found |= {name: round(judged.measure(index, some).mrr, 4) for name, some in sets.items()}
            index.close()
    return found | sentences(data)


def sentences(data: Path) -> dict[str, float]:
    """The right sentence of the right lecture: in the first hit, and MRR@3."""
    lectures = moments.captions(data)
    with tempfile.TemporaryDirectory() as folder:
        index = EmbeddedIndex(Path(folder), writer=True)
        index.rebuild(lectures)
        found = moments.measure(index, moments.moments(lectures))
        index.close()
    return {"said sentence, first hit": round(found.first, 4), "said sentence, MRR@3": round(found.mrr, 4)}


def peers(data: Path, every: int = 1) -> dict[str, dict[str, float]]:
    """MRR@10 of Lucene's analyzers on each set; one that cannot be had is named on standard error."""
    found: dict[str, dict[str, float]] = {}
    for sets in groups(data, every):
        for name, peer in lucene.PEERS.items():
            try:
                for asked, ranked in lucene.rank(peer, sets).items():
                    found.setdefault(name, {})[asked] = round(judged.worth(sets[asked], ranked)[1], 4)
            except Missing as missing:
                print(f"skipped: {name}: {missing}", file=sys.stderr)
    return found


def lost(before: dict[str, float], now: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Sets whose figure fell by more than what is tolerated, or that are gone: (before, now)."""
    both = {name: (value, now.get(name, 0.0)) for name, value in before.items()}
    return {name: pair for name, pair in both.items() if pair[1] < pair[0] * (1 - LOSS)}


def table(found: dict[str, dict[str, float]], before: dict[str, float]) -> str:
    """Markdown: a line for each set, a column for each who ranks, and by how much ours changed."""
    lines = [f"| MRR@10 | {' | '.join(found)} | change |", "|---" * (len(found) + 2) + "|"]
    for name, value in found[OURS].items():
        cells = [f"{ranked[name]:.4f}" if name in ranked else "–" for ranked in found.values()]
        change = f"{value - before[name]:+.4f}" if name in before else "new"
        lines.append(f"| {name} | {' | '.join(cells)} | {change} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table; exit 1 when a figure of ours fell."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=DATA, help="folder of the test data")
    options.add_argument("--every", type=int, default=1, help="ask every n-th question only")
    options.add_argument("--write", action="store_true", help="keep these figures as those to compare with")
    given = options.parse_args()
    kept: dict[str, dict[str, float]] = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    before = kept.get(str(given.every), {})
    now = ours(given.data, given.every)
    print(table({OURS: now} | peers(given.data, given.every), before))
    if given.write:
        FIGURES.write_text(json.dumps(kept | {str(given.every): now}, indent=2, sort_keys=True) + "\n", "utf-8")
        return 0
    fallen = lost(before, now)
    for name, (was, value) in fallen.items():
        print(f"fell: {name}: {was} → {value}", file=sys.stderr)
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
