"""The built assets: made from the sources as they are now, complete, and nothing of them in git's keeping."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from repo_service.web.view import FOLDER, static

ROOT = FOLDER.parents[1]
VENDOR = FOLDER / "static" / "vendor"


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_everything_that_pages_name_is_built(builder: ModuleType) -> None:
    builder.build(ROOT)  # up to date already: nothing is fetched
    scripts = {path.stem for path in (FOLDER / "static" / "src").glob("*.js")}
    assert {f"{name}.js" for name in scripts} <= {path.name for path in VENDOR.iterdir()}
    assert {"site.css", "player.css", "upload.css"} <= {path.name for path in VENDOR.iterdir()}
    for needed in ("pdf.worker.min.mjs", "cmaps/UniGB-UCS2-H.bcmap", "standard_fonts", "wasm"):
        assert (VENDOR / "pdfjs" / needed).exists()


def test_a_changed_source_changes_every_address(builder: ModuleType, tmp_path: Path) -> None:
    assert static("site.css").endswith((VENDOR / ".stamp").read_text()[:10])
    for name in ("package-lock.json", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path)
    copied = tmp_path / builder.WEB / "static"
    shutil.copytree(FOLDER / "static", copied, ignore=shutil.ignore_patterns("vendor"))
    before = builder._stamp(tmp_path, copied)
    (copied / "css" / "site.css").write_text("", encoding="utf-8")
    assert builder._stamp(tmp_path, copied) != before


def test_a_catalogue_is_compiled_when_its_words_change(builder: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / builder.WEB / "locales"
    shutil.copytree(FOLDER / "locales", folder, ignore=shutil.ignore_patterns("*.mo"))
    builder.compile_catalogues(tmp_path)
    made = folder / "zh_CN" / "LC_MESSAGES" / "messages.mo"
    first = made.stat().st_mtime_ns
    builder.compile_catalogues(tmp_path)
    assert made.stat().st_mtime_ns == first
