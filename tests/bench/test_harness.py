"""The harness judges by ratios, calls a busy machine noisy, and knows its goals. Nothing is timed here."""

from pathlib import Path

import pytest

from tests.bench.harness import Goal, Verdict, goal_named, goal_names, judged, measure, ratio, settled, table


def test_ratios_are_of_medians() -> None:
    assert ratio("x", [4, 100, 4], [2, 2, 0.1], 2.0, at_least=True) == Verdict("x", 2.0, 2.0, True, "reached")
    assert judged("y", 33, 32, at_least=False, unit="MB").status == "missed"


@pytest.mark.parametrize(
    ("load", "spread", "status"), [(0.2, 0.01, "missed"), (1.6, 0.01, "noisy"), (0.2, 0.09, "noisy")]
)
def test_a_miss_on_a_busy_machine_is_noise(load: float, spread: float, status: str) -> None:
    missed = judged("y", 2, 1, at_least=False)
    reached = judged("y", 0.5, 1, at_least=False)
    assert [one.status for one in settled([missed, reached], load, spread)] == [status, "reached"]


def test_every_goal_is_whole() -> None:
    assert "P9" in goal_names()
    for name in goal_names():
        goal = goal_named(name)
        assert goal.name == name
        assert goal.contenders
    with pytest.raises(SystemExit):
        goal_named("P99")


def test_a_report_holds_all_that_was_measured(tmp_path: Path) -> None:
    goal = Goal("P0", "nothing", lambda _folder, _small: None, {}, lambda _runs: [Verdict("x", 1, 0, True)])
    report = measure(goal, tmp_path, small=True, say=lambda _line: None)
    assert (report.runs, report.failed) == ({}, False)
    assert "| P0 | x | 1 × |  | stated |" in table([report])
    assert '"seed"' in report.as_json()
