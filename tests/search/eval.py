"""``python -m tests.search.eval``: search quality and speed on judged questions, one table."""

import argparse
import tempfile
from pathlib import Path

from search.embedded import EmbeddedIndex
from tests.search import judged

DATA = Path(__file__).parents[3] / "shared" / "data"


def main() -> None:
    """Fill an index in a temporary folder and ask it everything, straight and bent."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=DATA, help="folder of the test data")
    options.add_argument("--every", type=int, default=1, help="ask every n-th question only")
    given = options.parse_args()
    cmrc = judged.cmrc(given.data)
    slip = judged.slips(cmrc.documents)
    bends: dict[str, judged.Bend] = {
        "question": str,
        "question, Traditional": judged.traditional,
        "question, homophone slip": slip,
        "question, pinyin letters": judged.pinyin_letters,
        "keywords": judged.keywords,
        "keywords, Traditional": lambda text: judged.traditional(judged.keywords(text)),
        "keywords, homophone slip": lambda text: slip(judged.keywords(text)),
        "keywords, pinyin letters": lambda text: judged.pinyin_letters(judged.keywords(text)),
    }
    with tempfile.TemporaryDirectory() as folder:
        index = EmbeddedIndex(Path(folder), writer=True)
        index.rebuild(cmrc.documents)
        print(f"CMRC 2018: {len(cmrc.documents)} documents, {len(cmrc.questions) // given.every} questions\n")
        print("| query | nDCG@10 | MRR@10 | p50 ms | p95 ms |\n|---|---|---|---|---|")
        for name, bend in bends.items():
            found = judged.measure(index, cmrc, bend, given.every)
            print(f"| {name} | {found.ndcg:.4f} | {found.mrr:.4f} | {found.p50:.2f} | {found.p95:.2f} |", flush=True)


if __name__ == "__main__":
    main()
