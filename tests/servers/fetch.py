"""Builds the servers that no package of the system brings: python -m tests.servers.fetch [NAME…]

They are kept in the cache folder, so that a second run finds them.
"""

import os
import shutil
import subprocess
import sys

from tests.servers.base import cache

GO = {
    "minio": "github.com/minio/minio@latest",
    "versitygw": "github.com/versity/versitygw/cmd/versitygw@latest",
}


def fetch(name: str) -> None:
    """Build one server by its Go module; the one that is here stays."""
    folder = cache() / "bin"
    if shutil.which(name) or (folder / name).exists():
        print(f"{name} is here", file=sys.stderr)
        return
    print(f"building {name}, some minutes …", file=sys.stderr)
    subprocess.run(["go", "install", GO[name]], check=True, env={**os.environ, "GOBIN": str(folder)})


if __name__ == "__main__":
    for wanted in sys.argv[1:] or sorted(GO):
        fetch(wanted)
