"""Writes the description of the API anew, after a change on purpose: ``python -m tests.repo_service.api.snapshot``."""

import json
import tempfile
from pathlib import Path
from typing import Any

import repo_service
from repo_service import wiring
from repo_service.app import create_app, described
from repo_service.settings import Settings

PLACE = Path(repo_service.__file__).parent / "api" / "openapi.json"


def current() -> dict[str, Any]:
    """The description that this code serves."""
    with tempfile.TemporaryDirectory() as folder:
        ctx = wiring.build(Settings(data_dir=Path(folder)))
        try:
            return described(create_app(ctx))
        finally:
            ctx.close()


if __name__ == "__main__":
    PLACE.write_text(json.dumps(current(), ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
