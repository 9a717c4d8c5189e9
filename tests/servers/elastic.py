"""Elasticsearch, its core distribution: one node, or three that form a cluster."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.servers.base import Missing, cache, free_port, running

VERSION = "9.5.0"
USER = "nobody"  # the server refuses to run as root
PRESSURE = "4mb"  # of writes under way; little, so that batches of a test meet a busy node
_SETTINGS = (
    "xpack.security.enabled=false",
    "network.host=127.0.0.1",
    "cluster.routing.allocation.disk.threshold_enabled=false",
    f"indexing_pressure.memory.limit={PRESSURE}",
)


@dataclass
class Node:
    """A node that can be killed and started again; its data stay."""

    home: Path
    folder: Path
    name: str
    port: int
    transport: int
    heap: str
    peers: dict[str, int]  # transport ports of the cluster's nodes by name; empty for a node alone

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def up(self) -> Iterator[subprocess.Popen[bytes]]:
        """The running node, from the moment when its whole cluster can be searched."""
        config = self.folder / "config"
        if not config.exists():
            shutil.copytree(self.home / "config", config)
            _give_away(self.folder)
        argv = [str(self.home / "bin" / "elasticsearch")]
        for setting in (*_SETTINGS, *self._own()):
            argv += ["-E", setting]
        environment = {
            "ES_JAVA_HOME": str(java()),
            "ES_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap} {os.environ.get('ES_JAVA_OPTS', '')}",
            "ES_PATH_CONF": str(config),
        }
        user = USER if os.geteuid() == 0 else None
        log = self.folder.parent / f"{self.name}.log"
        with running(argv, self.answers, log, env=environment, user=user) as child:
            yield child

    def answers(self) -> bool:
        """Whether its cluster is complete and takes searches."""
        ask = f"{self.url}/_cluster/health?timeout=1s"
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(ask, timeout=3) as answer:
            health = json.load(answer)
            return bool(health["status"] != "red" and health["number_of_nodes"] >= max(1, len(self.peers)))
        return False

    def _own(self) -> Iterator[str]:
        yield f"node.name={self.name}"
        yield f"http.port={self.port}"
        yield f"transport.port={self.transport}"
        yield f"path.data={self.folder / 'data'}"
        yield f"path.logs={self.folder / 'logs'}"
        if not self.peers:
            yield "discovery.type=single-node"
            return
        yield "discovery.seed_hosts=" + ",".join(f"127.0.0.1:{port}" for port in self.peers.values())
        yield "cluster.initial_master_nodes=" + ",".join(self.peers)


def node(folder: Path, heap: str = "1g") -> Node:
    """A node alone, not yet started."""
    return Node(_home(folder), _made(folder / "node"), "node", free_port(), free_port(), heap, {})


@contextlib.contextmanager
def elasticsearch(folder: Path) -> Iterator[str]:
    """A running node of its own; its address without a prefix. ``XUEHAI_TEST_ELASTICSEARCH`` names another instead."""
    given = os.environ.get("XUEHAI_TEST_ELASTICSEARCH")
    if given:
        yield given.rstrip("/")
        return
    alone = node(folder)
    with alone.up():
        yield alone.url


@contextlib.contextmanager
def three_nodes(folder: Path) -> Iterator[list[tuple[Node, subprocess.Popen[bytes]]]]:
    """A running cluster of three, each node with its process."""
    home = _home(folder)
    peers = {f"node-{number}": free_port() for number in (1, 2, 3)}
    nodes = [
        Node(home, _made(folder / name), name, free_port(), transport, "768m", peers)
        for name, transport in peers.items()
    ]
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(nodes)) as pool:
        starting = [pool.submit(stack.enter_context, one.up()) for one in nodes]
        yield [(one, child.result()) for one, child in zip(nodes, starting, strict=True)]


def java() -> Path:
    """A JDK that the server accepts: 21 or newer."""
    given = os.environ.get("ES_JAVA_HOME")
    if given:
        return Path(given)
    found = [path for path in Path("/usr/lib/jvm").glob("*") if not path.is_symlink() and _release(path) >= 21]
    if not found:
        raise Missing("a JDK of version 21 or newer is not in /usr/lib/jvm, and ES_JAVA_HOME names none")
    return max(found, key=_release)


def _release(jdk: Path) -> int:
    with contextlib.suppress(OSError):
        if said := re.search(r'JAVA_VERSION="(\d+)', (jdk / "release").read_text()):
            return int(said[1])
    return 0


def distribution() -> Path:
    """The unzipped server in the cache. Raises Missing, also when there is no JDK for it."""
    here = cache() / f"elasticsearch-{VERSION}"
    if not here.is_dir():
        raise Missing("Elasticsearch is not here; python -m tests.servers.fetch elasticsearch")
    java()
    return here


def _home(folder: Path) -> Path:
    """The unzipped server in this folder, where the ordinary user can read it: links, so that it takes no room."""
    here = distribution()
    home = folder / "home"
    if not home.exists():
        shutil.copytree(here, home, copy_function=_link)
        _open(folder)
    return home


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)  # there already: the same node comes back
    return folder


def _give_away(folder: Path) -> None:
    """To the ordinary user, when this one is root."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, USER)


def _open(folder: Path) -> None:
    """Let the ordinary user pass; pytest keeps its folders to their owner."""
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)
