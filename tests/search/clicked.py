"""``python -m tests.search.clicked URL < clicks.jsonl``: search judged by what people opened, on their own site.

Standard input holds what ``GET /api/v1/searches/clicks`` gives, an item a line; URL is the site that is asked.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.search.judged import DEPTH, JudgedSet, worth

FEW = 3  # clicks of a query; of fewer nothing can be said
GOOD = 0.5  # of the best hit's weight: as good an answer
Ask = Callable[[str], Sequence[str]]


def read(items: Iterable[dict[str, Any]]) -> JudgedSet:
    """Queries with a grade for each opened hit: 2 for the best and those close to it, 1 for the others.

    Who looks at a list begins at its top, so a click further down weighs more: log2(rank + 1), the discount of nDCG
    turned round (Joachims et al., 2017, take such weights for the bias of positions).
    """
    answers: dict[str, dict[str, int]] = {}
    for item in items:
        weights: dict[str, float] = {}
        for click in item["clicks"]:
            weight = click["clicks"] * math.log2(click["rank"] + 1)
            weights[click["resource_id"]] = weights.get(click["resource_id"], 0.0) + weight
        if sum(click["clicks"] for click in item["clicks"]) >= FEW:
            best = max(weights.values())
            answers[item["query"]] = {one: 1 + (weight >= GOOD * best) for one, weight in weights.items()}
    return JudgedSet((), {query: query for query in answers}, answers)


def site(url: str) -> Ask:
    """Asks a site by its API: the ids of the first hits."""

    def ask(query: str) -> Sequence[str]:
        with urlopen(f"{url}/api/v1/search?{urlencode({'q': query, 'limit': DEPTH})}") as answer:
            return [hit["id"] for hit in json.load(answer)["hits"]]

    return ask


def judge(judged: JudgedSet, ask: Ask) -> tuple[float, float]:
    """(nDCG@10, MRR@10) of what is found now."""
    return worth(judged, {query: ask(text) for query, text in judged.questions.items()})


def main() -> int:
    """Print both figures; exit 1 when there is nothing to judge by."""
    judged = read(json.loads(line) for line in sys.stdin if line.strip())
    if not judged.questions:
        print(f"no query with {FEW} clicks", file=sys.stderr)
        return 1
    ndcg, mrr = judge(judged, site(sys.argv[1].rstrip("/")))
    print(f"{len(judged.questions)} queries: nDCG@10 {ndcg:.4f}, MRR@10 {mrr:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
