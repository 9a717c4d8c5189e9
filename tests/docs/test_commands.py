"""The commands of the README run, in their order, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.render import README

BLOCK = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    blocks = BLOCK.findall(README.read_text(encoding="utf-8"))
    assert blocks
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for block in blocks:
        script = f"set -euo pipefail\n{block}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
