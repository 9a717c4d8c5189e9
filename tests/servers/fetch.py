"""Fetches the servers that no package of the system brings: python -m tests.servers.fetch [NAME…]

They are kept in the cache folder, so that a second run finds them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.servers.base import cache
from tests.servers.elastic import VERSION

GO = {
    "minio": "github.com/minio/minio@latest",
    "versitygw": "github.com/versity/versitygw/cmd/versitygw@latest",
}
ELASTICSEARCH = "elasticsearch"
_GROUP = "org.elasticsearch.distribution.integ-test-zip"


def fetch(name: str) -> None:
    """Bring one server; the one that is here stays."""
    if name == ELASTICSEARCH:
        _unzip_elasticsearch()
        return
    folder = cache() / "bin"
    if shutil.which(name) or (folder / name).exists():
        print(f"{name} is here", file=sys.stderr)
        return
    print(f"building {name}, some minutes …", file=sys.stderr)
    subprocess.run(["go", "install", GO[name]], check=True, env={**os.environ, "GOBIN": str(folder)})


def _unzip_elasticsearch() -> None:
    """The core distribution out of the local Maven repository, which gets it when it is not there."""
    home = cache() / f"elasticsearch-{VERSION}"
    if home.is_dir():
        print(f"{ELASTICSEARCH} is here", file=sys.stderr)
        return
    repository = Path.home() / ".m2" / "repository" / _GROUP.replace(".", "/")
    archive = repository / ELASTICSEARCH / VERSION / f"{ELASTICSEARCH}-{VERSION}.zip"
    if not archive.exists():
        print(f"fetching {ELASTICSEARCH} {VERSION} …", file=sys.stderr)
        artifact = f"-Dartifact={_GROUP}:{ELASTICSEARCH}:{VERSION}:zip"
        subprocess.run(["mvn", "-q", "-B", "dependency:get", "-Dtransitive=false", artifact], check=True)
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        unzipped = Path(folder) / home.name
        for program in (unzipped / "bin").iterdir():
            program.chmod(0o755)
        unzipped.rename(home)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*sorted(GO), ELASTICSEARCH]:
        fetch(wanted)
