"""``python -m tests.bench [GOAL…] [--small] [--out FOLDER]``: exit 1 when a limit is missed on a quiet machine."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench.harness import goal_named, goal_names, measure, table


def main() -> int:
    """Measure the named goals, or all; write JSON and a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "goals", nargs="*", metavar="GOAL", help=f"of {', '.join(goal_names())}; all when none is named"
    )
    parser.add_argument("--small", action="store_true", help="less data and fewer rounds")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder for JSON and the table")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    reports = []
    for name in given.goals or goal_names():
        with tempfile.TemporaryDirectory(prefix="xuehai-bench-") as folder:
            report = measure(goal_named(name), Path(folder), small=given.small, say=_say)
        (given.out / f"{report.goal}.json").write_text(report.as_json(), encoding="utf-8")
        reports.append(report)
        _say(f"{report.goal}: load {report.load:.2f}, spread {report.spread:.1%}, {report.seconds:.0f} s")
    text = table(reports)
    (given.out / "table.md").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")
    return 1 if any(report.failed for report in reports) else 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
