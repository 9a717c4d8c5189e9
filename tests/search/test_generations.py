"""The embedded index outlives what happens to it: kills, corruption, older schemas, other processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search import schema
from search.embedded import EmbeddedIndex
from search.errors import NotTheWriter, SearchBroken, SearchUnavailable
from search.generations import Generations
from search.model import Document, Passage, Query, Tombstone

WRITER = """
import sys
from pathlib import Path
from search.embedded import EmbeddedIndex
from search.model import Document
index = EmbeddedIndex(Path(sys.argv[1]), writer=True)
for number in range(100_000):
    index.write([Document(f"{number:06}", 1, f"第{number}讲 太极拳")])
    print(number, flush=True)
"""
REBUILDER = """
import sys, time
from pathlib import Path
from search.embedded import EmbeddedIndex
from search.model import Document
def documents():
    yield Document("x", 1, "半途")
    print("filling", flush=True)
    time.sleep(60)
EmbeddedIndex(Path(sys.argv[1]), writer=True).rebuild(documents())
"""
HALF_A_COMMIT = """
import os, signal, sys
from pathlib import Path
from search.embedded import EmbeddedIndex
from search.model import Document, Passage
index = EmbeddedIndex(Path(sys.argv[1]), writer=True)
index.write([Document("a", 1, "豫剧")])
engine = index._live()
engine.apply([Document("b", 1, "豫剧二", passages=(Passage("b1", "cue", "唱腔"),))], check=True)
engine._writers.passages.commit()
print("passages", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    """Another process that works on the same index."""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )


def filling(folder: Path) -> subprocess.Popen[str]:
    """A process that has begun a rebuild and does not come to its end."""
    process = start(REBUILDER, folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "filling\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    """End it as a power cut would; its locks go with it."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_what_was_written_before_a_kill_is_there(tmp_path: Path) -> None:
    process = start(WRITER, tmp_path)
    assert process.stdout is not None
    last = -1
    while last < 5:
        last = int(process.stdout.readline())
    reader = EmbeddedIndex(tmp_path, writer=False)
    assert reader.search(Query("太极拳")).total > last, "a reader in another process sees what was acknowledged"
    kill(process)
    index = EmbeddedIndex(tmp_path, writer=True)
    assert len(list(index.scan())) > last
    assert index.write([Document("after", 1, "之后")]) == []
    assert index.search(Query("之后")).total == 1


def test_passages_that_a_killed_writer_left_behind_are_not_doubled(tmp_path: Path) -> None:
    process = start(HALF_A_COMMIT, tmp_path)
    process.wait()
    assert process.stdout is not None
    assert process.stdout.read() == "passages\n"
    process.stdout.close()
    index = EmbeddedIndex(tmp_path, writer=True)
    assert index.search(Query("唱腔")).total == 0
    index.write([Document("b", 1, "豫剧二", passages=(Passage("b1", "cue", "唱腔"),))])
    [hit] = index.search(Query("唱腔")).hits
    assert hit.passages_total == 1


def test_a_killed_rebuild_leaves_nothing_behind(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path, writer=True)
    index.write([Document("a", 1, "豫剧")])
    process = filling(tmp_path)
    index.write([Document("b", 1, "豫剧二")])
    assert len(Generations(tmp_path).filling()) == 1, "both generations get it"
    kill(process)
    assert Generations(tmp_path).filling() == []
    index.write([Document("c", 1, "豫剧三")])
    assert index.search(Query("豫剧")).total == 3
    index.rebuild([Document("a", 1, "豫剧")])
    assert [folder.name for folder in tmp_path.glob("g*")] == [index.health().generation]


def test_killed_rebuilds_do_not_pile_up(tmp_path: Path) -> None:
    EmbeddedIndex(tmp_path, writer=True).write([Document("a", 1, "豫剧")])
    alive = filling(tmp_path)
    for _ in range(3):
        kill(filling(tmp_path))
    assert len(list(tmp_path.glob("g*"))) == 3, "the live one, one that is being filled, and the last of the killed"
    assert len(Generations(tmp_path).filling()) == 1, "nobody sweeps away what a living process fills"
    kill(alive)


@pytest.mark.parametrize("damage", ["meta", "schema", "folder", "pointer", "garbled", "bytes"])
def test_a_broken_index_is_replaced_and_asks_to_be_filled(tmp_path: Path, damage: str) -> None:
    EmbeddedIndex(tmp_path, writer=True).rebuild([Document("a", 1, "豫剧")])
    generations = Generations(tmp_path)
    live = generations.live()
    if damage == "meta":
        (tmp_path / live / "resources" / "meta.json").write_text("{")
    elif damage == "schema":
        generations.describe(live, version=schema.VERSION - 1, complete=True)
    elif damage == "bytes":
        for file in (tmp_path / live / "resources").glob("*.*"):
            if file.suffix in (".term", ".idx", ".store", ".fieldnorm", ".fast"):
                file.write_bytes(bytes(file.stat().st_size))
    elif damage == "garbled":
        (tmp_path / "live").write_bytes(b"\xff\xfe\0")
    elif damage == "folder":
        os.rename(tmp_path / live, tmp_path / "elsewhere")
    else:
        (tmp_path / "live").unlink()
    reader = EmbeddedIndex(tmp_path, writer=False)
    with pytest.raises(SearchUnavailable):
        reader.search(Query("豫剧"))
    index = EmbeddedIndex(tmp_path, writer=True)
    assert index.health().must_fill
    index.write([Tombstone("b", 2)])
    answer = reader.search(Query("豫剧"))
    assert (answer.total, answer.notices) == (0, ("index_incomplete",))
    index.rebuild([Document("a", 1, "豫剧")])
    assert not index.health().must_fill
    assert reader.search(Query("豫剧")).total == 1


@pytest.mark.parametrize(
    "out_of_reach", ["live", "writing.lock", "about.json", "resources/meta.json", "resources/.managed.json"]
)
def test_an_index_that_the_system_keeps_away_for_a_while_is_not_broken(tmp_path: Path, out_of_reach: str) -> None:
    """Whatever the system's reason is: too many open files, rights, a disk that fails; here, a name that goes round."""
    EmbeddedIndex(tmp_path, writer=True).rebuild([Document("a", 1, "豫剧")])
    live = Generations(tmp_path).live()
    path = (tmp_path if (tmp_path / out_of_reach).exists() else tmp_path / live) / out_of_reach
    aside = path.rename(path.with_name("aside"))
    path.symlink_to(path.name)
    index = EmbeddedIndex(tmp_path, writer=True)
    assert not index.health().must_fill
    with pytest.raises(SearchUnavailable) as refused:
        index.write([Document("b", 1, "豫剧二")])
    assert not isinstance(refused.value, SearchBroken)
    path.unlink()
    aside.rename(path)
    assert index.write([Document("b", 1, "豫剧二")]) == []
    assert index.search(Query("豫剧")).total == 2, "nothing was replaced meanwhile"
    assert Generations(tmp_path).live() == live


def test_a_reader_follows_the_writer_through_generations(tmp_path: Path) -> None:
    writer, reader = EmbeddedIndex(tmp_path, writer=True), EmbeddedIndex(tmp_path, writer=False)
    for rev in range(1, 6):
        writer.rebuild([Document("a", rev, "剪纸")])
        writer.write([Document("b", rev, "剪纸二")])
        assert dict(reader.scan()) == {"a": rev, "b": rev}
    with pytest.raises(NotTheWriter):
        reader.write([])
    with pytest.raises(NotTheWriter):
        reader.rebuild([])


def test_a_second_writer_is_refused_but_may_rebuild(tmp_path: Path) -> None:
    first, second = EmbeddedIndex(tmp_path, writer=True), EmbeddedIndex(tmp_path, writer=True)
    first.write([Document("a", 1, "泥塑")])
    with pytest.raises(SearchUnavailable):
        second.write([Document("b", 1, "泥塑")])
    second.rebuild([Document("a", 1, "泥塑"), Document("b", 1, "泥塑")])
    first.write([Document("c", 1, "泥塑")])
    assert first.search(Query("泥塑")).total == 3
