"""``xuehai deposit`` as an operator types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from repo_service import wiring, worker
from repo_service.cli import app
from repo_service.commands.deposit import collect, grouped
from repo_service.models import Audit, Resource
from repo_service.settings import Settings
from tests import support
from tests.migrated import migrate

SRT = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n"
LESSON = "# 焊接安全\n\n焊接前先检查气瓶。\n".encode()


@pytest.fixture
def folder(settings: Settings) -> Path:
    """The data folder of an installation with one institution."""
    ctx = wiring.build(settings)
    migrate(ctx.db)
    support.institution(ctx)
    ctx.close()
    return settings.data_dir


def files(root: Path, **given: bytes) -> list[Path]:
    """Files of these names; ``__`` stands for a dot, ``_in_`` for a folder."""
    made = []
    for name, data in given.items():
        path = root / name.replace("_in_", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        made.append(path)
    return made


def deposit(folder: Path, *arguments: object, exit_code: int = 0) -> list[dict[str, Any]]:
    """Run the command; the rows of its one JSON document."""
    words = ["deposit", *map(str, arguments), "--institution", "xuexiao", "--json"]
    done = CliRunner().invoke(app, words, env={"XUEHAI_DATA_DIR": str(folder)})
    assert done.exit_code == exit_code, done.output
    rows: list[dict[str, Any]] = json.loads(done.stdout)["resources"]
    return rows


def test_one_file_is_one_resource_and_captions_join(folder: Path, tmp_path: Path) -> None:
    given = files(tmp_path, a__zh__srt=SRT, a__mp4=b"video", b__md=LESSON)
    rows = deposit(folder, *given)
    assert [[Path(name).name for name in row["files"]] for row in rows] == [["a.mp4", "a.zh.srt"], ["b.md"]]
    assert {(row["state"], row["processing"], row["error"]) for row in rows} == {("draft", "queued", None)}
    assert len({row["id"] for row in rows}) == 2
    assert rows[0]["file"] == str(tmp_path / "a.mp4")


def test_waits_and_works_without_a_running_serve(folder: Path, tmp_path: Path) -> None:
    (row,) = deposit(folder, *files(tmp_path, b__md=LESSON), "--title", "安全第一", "--publish", "--wait")
    assert (row["state"], row["processing"], row["error"]) == ("published", "ready", None)
    found = CliRunner().invoke(app, ["search", "气瓶", "--json"], env={"XUEHAI_DATA_DIR": str(folder)})
    assert [hit["title"] for hit in json.loads(found.stdout)["hits"]] == ["安全第一"]
    ctx = wiring.build(Settings(data_dir=folder))
    with ctx.db.read() as session:
        said = [
            entry.what for entry in session.scalars(select(Audit).where(Audit.who == "operator").order_by(Audit.seq))
        ]
    ctx.close()
    assert said[-2:] == ["file.deposit", "resource.publish_unreviewed"]


def test_waits_for_the_worker_that_runs(folder: Path, tmp_path: Path) -> None:
    ctx = wiring.build(Settings(data_dir=folder), index_writer=True)
    with worker.working(ctx):
        (row,) = deposit(folder, *files(tmp_path, b__md=LESSON), "--wait")
    ctx.close()
    assert row["processing"] == "ready"


def test_one_that_fails_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    given = files(tmp_path, setup__exe=b"MZ", b__md=LESSON)
    rows = deposit(folder, *given, tmp_path / "nowhere.pdf", exit_code=1)
    assert [(row["error"], row["id"] is None) for row in rows] == [
        ("file_type_refused", True),
        (None, False),
        ("file_unreadable", True),
    ]


def test_what_cannot_be_processed_fails_with_its_code(folder: Path, tmp_path: Path) -> None:
    (row,) = deposit(folder, *files(tmp_path, a__pdf=b"%PDF-1.7\nnothing here"), "--wait", exit_code=1)
    assert row["processing"] == "failed"
    assert row["error"]


def test_records_come_with_the_files(folder: Path, tmp_path: Path) -> None:
    records = tmp_path / "records.json"
    records.write_text(json.dumps({"b.md": {"title": "焊接", "level": "vocational"}}), encoding="utf-8")
    (row,) = deposit(folder, *files(tmp_path / "in", b__md=LESSON), "--metadata", records)
    ctx = wiring.build(Settings(data_dir=folder))
    with ctx.db.read() as session:
        resource = session.get_one(Resource, row["id"])
    ctx.close()
    assert (resource.title, resource.level) == ("焊接", "vocational")
    records.write_text('{"b.md": {"level": "highest"}}', encoding="utf-8")
    words = ["deposit", str(tmp_path / "in"), "--institution", "xuexiao", "--metadata", str(records)]
    assert CliRunner().invoke(app, words, env={"XUEHAI_DATA_DIR": str(folder)}).exit_code == 1


def test_one_title_is_for_one_resource(folder: Path, tmp_path: Path) -> None:
    words = ["deposit", *map(str, files(tmp_path, a__md=LESSON, b__md=LESSON)), "--institution", "xuexiao"]
    done = CliRunner().invoke(app, [*words, "--title", "x"], env={"XUEHAI_DATA_DIR": str(folder)})
    assert done.exit_code == 2


def test_folders_are_walked_without_litter(tmp_path: Path) -> None:
    found = ["a.mp4", "week/b.md", "week/c.srt"]
    for name in [*found, ".hidden", "week/~$b.docx", "week/Thumbs.db", ".git/config"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in collect([tmp_path, tmp_path / "a.mp4"])] == found


def test_captions_are_grouped_with_the_video_of_their_folder(tmp_path: Path) -> None:
    names = ["1/a.en.srt", "1/a.mp4", "2/a.srt", "2/a.zh.srt", "1/b.mp4", "1/a.zh.srt", "2/c.md"]
    groups = grouped([Path(name) for name in names])
    assert [[str(path) for path in group] for group in groups] == [
        ["1/a.mp4", "1/a.en.srt", "1/a.zh.srt"],
        ["1/b.mp4"],
        ["2/c.md"],
        ["2/a.srt", "2/a.zh.srt"],
    ]
