"""Runs a goal's contenders by turns, each in a fresh process, and judges by ratios that a busy machine leaves alone.

Wall times double under load; ratios of CPU seconds of alternated runs move by a few per cent. So goals are ratios,
and a run on a machine that was loaded, or whose equal runs differ too much, is called noisy instead of failed.
"""

import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

MOST_LOAD = 1.5
MOST_SPREAD = 0.08
SEED = 20261123
PACKAGES = ("fastapi", "starlette", "uvicorn", "SQLAlchemy", "tantivy", "rjieba", "pypdfium2")

Measures = dict[str, float]
Status = Literal["reached", "missed", "noisy", "skipped", "stated"]
Contender = Callable[[Path, bool], Measures]  # its own folder, whether small; ran in a fresh process


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure against its limit. ``stated``: measured without a limit; ``skipped``: its peer is not here."""

    what: str
    figure: float
    limit: float
    at_least: bool
    status: Status = "stated"
    unit: str = "×"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a module of a goal gives: data, contenders by name, and the judgement over all their runs.

    ``setup`` fills a folder that all contenders see. ``check`` gets each contender's measures, run by run. ``steady``
    names the measure whose spread over equal runs tells whether the machine was quiet.
    """

    name: str
    title: str
    setup: Callable[[Path, bool], None]
    contenders: Mapping[str, Contender]
    check: Callable[[Mapping[str, Sequence[Measures]]], list[Verdict]]
    rounds: int = 5
    rounds_small: int = 3
    steady: str = "cpu"


@dataclass(slots=True)
class Report:
    """All that was measured of one goal, and under what circumstances."""

    goal: str
    title: str
    small: bool
    load: float
    spread: float
    noisy: bool
    seconds: float
    machine: dict[str, str]
    runs: dict[str, list[Measures]] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether a limit was missed on a quiet machine."""
        return any(verdict.status == "missed" for verdict in self.verdicts)

    def as_json(self) -> str:
        """Everything, for a machine to read."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


def ratio(what: str, over: Sequence[float], under: Sequence[float], limit: float, *, at_least: bool) -> Verdict:
    """The median of one contender's figures over that of another's."""
    figure = statistics.median(over) / max(statistics.median(under), 1e-9)
    return judged(what, figure, limit, at_least=at_least)


def judged(what: str, figure: float, limit: float, *, at_least: bool, unit: str = "×") -> Verdict:
    """A figure held against its limit."""
    reached = figure >= limit if at_least else figure <= limit
    return Verdict(what, figure, limit, at_least, "reached" if reached else "missed", unit)


def column(runs: Sequence[Measures], name: str) -> list[float]:
    """One measure of all runs of a contender."""
    return [run[name] for run in runs]


def measure(goal: Goal, folder: Path, *, small: bool, say: Callable[[str], None]) -> Report:
    """Set up, run all contenders by turns, judge."""
    begun, load = time.monotonic(), os.getloadavg()[0]
    folder.mkdir(parents=True, exist_ok=True)
    goal.setup(folder, small)
    runs: dict[str, list[Measures]] = {name: [] for name in goal.contenders}
    for turn in range(goal.rounds_small if small else goal.rounds):
        for name in goal.contenders:
            runs[name].append(_in_fresh_process(goal, name, folder, small))
            say(f"{goal.name} {turn + 1} {name}: " + ", ".join(f"{k} {v:.4g}" for k, v in runs[name][-1].items()))
    spread = max((_spread(column(of, goal.steady)) for of in runs.values()), default=0.0)
    noisy = is_noisy(load, spread)
    verdicts = settled(goal.check(runs), load, spread)
    seconds = time.monotonic() - begun
    return Report(goal.name, goal.title, small, load, spread, noisy, seconds, machine(), runs, verdicts)


def is_noisy(load: float, spread: float) -> bool:
    """Whether the machine was too busy at the start, or equal runs differ too much, to call a miss one."""
    return load > MOST_LOAD or spread > MOST_SPREAD


def settled(verdicts: Sequence[Verdict], load: float, spread: float) -> list[Verdict]:
    """The verdicts; what was missed under noise is noisy instead."""
    noisy = is_noisy(load, spread)
    return [replace(one, status="noisy") if noisy and one.status == "missed" else one for one in verdicts]


def table(reports: Sequence[Report]) -> str:
    """One Markdown table over all goals."""
    lines = ["| goal | what | figure | limit | |", "|---|---|---|---|---|"]
    for report in reports:
        for verdict in report.verdicts:
            sign = "≥" if verdict.at_least else "≤"
            limit = "" if verdict.status == "stated" else f"{sign} {verdict.limit:g} {verdict.unit}"
            figure = "" if verdict.status == "skipped" else f"{verdict.figure:.3g} {verdict.unit}"
            lines.append(f"| {report.goal} | {verdict.what} | {figure} | {limit} | {verdict.status} |")
    return "\n".join(lines)


def machine() -> dict[str, str]:
    """What was measured on: processor, system, versions, seed."""
    found = {
        "cpu": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "seed": str(SEED),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def goal_named(name: str) -> Goal:
    """The goal of a module in this folder, whose name begins with the goal's: ``P9`` → ``p9_upload``."""
    modules = sorted(Path(__file__).parent.glob(f"{name.lower()}_*.py"))
    if not modules:
        raise SystemExit(f"no goal {name} here; there are {', '.join(goal_names())}")
    goal: Goal = importlib.import_module(f"tests.bench.{modules[0].stem}").GOAL
    return goal


def goal_names() -> list[str]:
    """All goals that have a module here."""
    found = {path.stem.partition("_")[0].upper() for path in Path(__file__).parent.glob("p[0-9]*_*.py")}
    return sorted(found, key=lambda name: int(name[1:]))


def run_contender(goal: str, contender: str, folder: str, small: str) -> None:
    """The fresh process of one run: print its measures as the last line."""
    measures = goal_named(goal).contenders[contender](Path(folder), small == "small")
    sys.stdout.write("\n" + json.dumps(measures) + "\n")


def _in_fresh_process(goal: Goal, contender: str, folder: Path, small: bool) -> Measures:
    code = "import sys; from tests.bench.harness import run_contender; run_contender(*sys.argv[1:])"
    size = "small" if small else "full"
    done = subprocess.run(
        [sys.executable, "-c", code, goal.name, contender, str(folder), size],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
        timeout=3600,
    )
    measures: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return {name: float(value) for name, value in measures.items()}


def _spread(figures: Sequence[float]) -> float:
    return (max(figures) - min(figures)) / max(statistics.median(figures), 1e-9)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
