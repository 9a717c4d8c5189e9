"""What is counted for /metrics: anew at each scrape where that is quick, less often where it is not."""

import time

import pytest
from fastapi import FastAPI

from repo_service.api import health
from repo_service.context import Context
from repo_service.services import counting, figures
from tests import support


def families(derived: health.Derived) -> dict[str, float]:
    return {f"{family.name}{sample.labels}": sample.value for family in derived.collect() for sample in family.samples}


@pytest.fixture
def derived(ctx: Context) -> health.Derived:
    app = FastAPI()
    app.state.ctx = ctx
    return health.Derived(app)


def test_what_is_counted_quickly_is_counted_each_time(ctx: Context, derived: health.Derived) -> None:
    assert families(derived)["xuehai_institutions{}"] == 0
    support.institution(ctx)
    assert families(derived)["xuehai_institutions{}"] == 1


def test_what_takes_long_is_not_counted_again_at_once(
    ctx: Context, derived: health.Derived, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def count(ctx: Context) -> figures.Gathered:
        clock[0] += 3.0
        return gather(ctx)

    gather = figures.gather
    monkeypatch.setattr(figures, "gather", count)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    assert families(derived)["xuehai_institutions{}"] == 0
    support.institution(ctx)
    assert families(derived)["xuehai_institutions{}"] == 0
    clock[0] += 3.0 * counting.REST
    assert families(derived)["xuehai_institutions{}"] == 1
