"""What people opened becomes judgements, and judges what is found."""

import math

import pytest

from tests.search.clicked import judge, read

ITEM = {
    "query": "八段锦",
    "asked": 40,
    "clicks": [
        {"resource_id": "a", "external_id": None, "rank": 1, "clicks": 9},
        {"resource_id": "b", "external_id": None, "rank": 1, "clicks": 1},
        {"resource_id": "b", "external_id": None, "rank": 6, "clicks": 3},
        {"resource_id": "c", "external_id": None, "rank": 2, "clicks": 1},
    ],
}


def test_a_click_further_down_weighs_more() -> None:
    judged = read([ITEM, {"query": "few", "asked": 2, "clicks": ITEM["clicks"][3:]}])  # type: ignore[index]
    assert judged.questions == {"八段锦": "八段锦"}
    assert judged.answers == {"八段锦": {"a": 2, "b": 2, "c": 1}}, "9 beside 1 + 3 log2(7) beside log2(3)"


def test_figures_are_those_of_the_other_sets() -> None:
    judged = read([ITEM])
    assert judge(judged, lambda query: ["a", "b", "c"]) == pytest.approx((1.0, 1.0))
    best = 2 + 2 / math.log2(3) + 1 / 2
    assert judge(judged, lambda query: ["x", "c"]) == pytest.approx((1 / math.log2(3) / best, 0.5))
