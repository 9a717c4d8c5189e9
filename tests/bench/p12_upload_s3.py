"""P12: what an upload to S3 costs, held against one to a folder: the same API and bytes, MinIO on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.harness import Contender, Goal, Measures, Verdict, column, ratio
from tests.bench.p9_upload import measured, tus
from tests.servers.base import Missing, program
from tests.servers.s3 import MINIO, minio


def folder(here: Path, small: bool) -> Measures:
    """Objects in a folder."""
    return measured("subject", here / "folder", small, tus)


def s3(here: Path, small: bool) -> Measures:
    """Objects on a MinIO of this run's own, whose work is in the wall time and not in the CPU time."""
    place = here / "s3"
    place.mkdir(exist_ok=True)
    with minio(place) as url:
        return measured("subject", place, small, tus, f"{url}/bench?secure=false")


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """Rates, S3 over folder, and the memory; stated, since nothing was promised."""
    if "s3" not in runs:
        return [Verdict("upload to S3 ÷ upload to the folder", 0, 0, at_least=True, status="skipped")]
    found = []
    for what in ("wall", "cpu"):
        over, under = column(runs["folder"], what), column(runs["s3"], what)
        verdict = ratio(f"upload to S3 ÷ upload to the folder, {what}", over, under, 0, at_least=True)
        found.append(Verdict(verdict.what, verdict.figure, 0, at_least=True))
    growth = max(column(runs["s3"], "growth"))
    return [*found, Verdict("memory growth of one upload to S3", growth, 0, at_least=False, unit="MB")]


def _setup(_folder: Path, _small: bool) -> None:
    """Nothing: the bytes are made while they are sent."""


def _contenders() -> Mapping[str, Contender]:
    try:
        program(*MINIO)
    except Missing:
        return {"folder": folder}
    return {"folder": folder, "s3": s3}


GOAL = Goal(name="P12", title="Upload to S3", setup=_setup, contenders=_contenders(), check=check, rounds=2)
