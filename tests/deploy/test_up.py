"""`make up`, the smoke test against it, `make down`, and up again over the same data."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.render import ROOT
from tests.servers.base import is_well
from tests.servers.grown import missing
from tests.servers.up import holder

XUEHAI = Path(sys.executable).with_name("xuehai")
SMOKE = ROOT / "deploy" / "smoke.py"
PASSWORD = "a password of a trial"
PEOPLE = {"uploader": "upload", "reviewer": "review"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def up(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.servers.up", *options, str(folder)]
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)


def environment_of(folder: Path) -> dict[str, str]:
    """The settings that `up` wrote, for commands of an operator."""
    lines = (folder / "xuehai.env").read_text().splitlines()
    settings = {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
    return {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")} | settings


def xuehai(folder: Path, *arguments: str, given: str = "") -> dict[str, str]:
    argv = [str(XUEHAI), *arguments, "--json"]
    done = subprocess.run(argv, input=given, env=environment_of(folder), stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def smoke(url: str, **credentials: str) -> int:
    argv = [sys.executable, str(SMOKE), url, "--patience", "90"]
    given = {f"XUEHAI_{name.upper()}": value for name, value in credentials.items()}
    return subprocess.run(argv, env={"PATH": os.environ["PATH"], **given}, check=False).returncode


def wrong(folder: Path) -> list[str]:
    """What the site and the worker have said of errors."""
    logs = [(folder / f"{part}.log").read_text(errors="replace").splitlines() for part in ("serve", "worker")]
    return [line[-3000:] for log in logs for line in log if '"level": "error"' in line]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' own users can enter, unlike pytest's; nothing is up in it afterwards."""
    if wanted := missing():
        assert not os.environ.get("CI"), wanted
        pytest.skip("; ".join(wanted))
    with tempfile.TemporaryDirectory(prefix="xuehai-up-") as made:
        Path(made).chmod(0o755)
        yield Path(made)
        up(Path(made), "--down")


def test_up_smoke_down_and_up_again(folder: Path) -> None:
    began = up(folder)
    assert began.returncode == 0
    url = json.loads(began.stdout)["url"]
    place = ("--division", "410122000000")
    xuehai(folder, "institution", "create", "--slug", "trial", "--name", "试验学校", "--kind", "university", *place)
    for role in PEOPLE:
        who = ("--email", f"{role}@example.org", "--name", "王", "--role", role, "--institution", "trial")
        xuehai(folder, "user", "create", *who, "--password-stdin", given=PASSWORD)
    keys = {
        role: xuehai(folder, "key", "create", "--email", f"{role}@example.org", "--scopes", scope)["key"]
        for role, scope in PEOPLE.items()
    }
    assert smoke(url, key=keys["uploader"], reviewer_key=keys["reviewer"]) == 0, wrong(folder)
    assert up(folder).returncode == 0, "up already is no error"

    assert up(folder, "--down").returncode == 0
    assert holder(folder) is None
    assert not is_well(f"{url}/healthz")
    assert smoke(url, key=keys["uploader"]) == 1, "nobody is there"

    assert up(folder).returncode == 0
    url = environment_of(folder)["XUEHAI_PUBLIC_URL"]
    assert smoke(url, email="uploader@example.org", password=PASSWORD) == 0, wrong(folder)
    assert not xuehai(folder, "doctor")["findings"]
