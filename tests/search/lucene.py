"""Lucene's analyzers for Chinese as peers: its own BM25 over one field, so that only the words differ."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.search.judged import JudgedSet
from tests.servers.base import Missing
from tests.servers.elastic import distribution, java

PROGRAM = Path(__file__).parent / "peers" / "Peers.java"
LUCENE = "10.5.0"  # the version in the Elasticsearch distribution
_REPOSITORY = Path.home() / ".m2" / "repository"


@dataclass(frozen=True, slots=True)
class Peer:
    """An analyzer: its class, and the Maven coordinates of what brings it, if Elasticsearch does not."""

    analyzer: str
    artifact: tuple[str, str, str] | None = None


PEERS = {
    "Lucene CJK bigrams": Peer("org.apache.lucene.analysis.cjk.CJKAnalyzer"),
    "smartcn": Peer(
        "org.apache.lucene.analysis.cn.smart.SmartChineseAnalyzer",
        ("org.apache.lucene", "lucene-analysis-smartcn", LUCENE),
    ),
    "plain bigrams": Peer("Peers$Bigrams"),
    "IK": Peer("org.wltea.analyzer.lucene.IKAnalyzer", ("com.github.magese", "ik-analyzer", "8.4.0")),
}


def rank(peer: Peer, sets: Mapping[str, JudgedSet]) -> dict[str, dict[str, list[str]]]:
    """By set, all of the same documents: the first ten for each question. Raises Missing when it cannot be had."""
    libraries = distribution() / "lib"
    jars = [*libraries.glob("lucene-core-*.jar"), *libraries.glob("lucene-analysis-common-*.jar")]
    if peer.artifact:
        jars.append(_fetched(*peer.artifact))
    documents = next(iter(sets.values())).documents
    texts = {one.id: " ".join((one.title, *one.keywords, one.description, one.text)) for one in documents}
    asked = {f"{name}\x1f{key}": text for name, some in sets.items() for key, text in some.questions.items()}
    with tempfile.TemporaryDirectory() as folder:
        files = [_lines(Path(folder) / name, rows) for name, rows in (("d", texts), ("q", asked))]
        command = [java() / "bin" / "java", "-cp", os.pathsep.join(map(str, jars)), PROGRAM, peer.analyzer, *files]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise Missing(f"{peer.analyzer}: {done.stderr[-500:]}")
    found: dict[str, dict[str, list[str]]] = {name: {} for name in sets}
    for line in done.stdout.splitlines():
        key, tab, ids = line.partition("\t")
        if tab:  # else the analyzer says something of its own
            name, _, question = key.partition("\x1f")
            found[name][question] = ids.split()
    return found


def _lines(path: Path, rows: Mapping[str, str]) -> Path:
    path.write_text("".join(f"{key}\t{' '.join(text.split())}\n" for key, text in rows.items()), encoding="utf-8")
    return path


def _fetched(group: str, name: str, version: str) -> Path:
    """The jar out of the local Maven repository, which gets it when it is not there."""
    jar = _REPOSITORY / group.replace(".", "/") / name / version / f"{name}-{version}.jar"
    if not jar.exists():
        artifact = f"-Dartifact={group}:{name}:{version}"
        try:
            subprocess.run(["mvn", "-q", "-B", "dependency:get", "-Dtransitive=false", artifact], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Missing(f"{name} {version} cannot be fetched: {error}") from error
    return jar
