"""Names that grow when they are folded: no column is too short for them, and captions still find their video."""

import pytest

from repo_service.context import Context
from repo_service.models import File, Resource
from repo_service.services import filenames
from tests import support

PRAISE = "\ufdfa"  # one character, eighteen when it is folded


@pytest.mark.both_databases
@pytest.mark.parametrize("stem", [PRAISE * 30, "…" * 150, "㍿" * 100, "a" * 199])
def test_a_name_that_grows_is_taken(ctx: Context, stem: str) -> None:
    one = support.deposit(ctx, support.institution(ctx), f"{stem}.txt", "正文".encode())
    meant = filenames.parse(f"{stem}.txt")
    with ctx.db.read() as session:
        assert session.get_one(Resource, one).title == meant.title
        assert session.query(File).filter(File.source_id.is_(None)).one().name == meant.name


def test_captions_with_such_a_name_belong_to_their_video() -> None:
    video, captions = (filenames.parse(f"{PRAISE * 30}{end}") for end in (".mp4", ".srt"))
    assert len(video.stem) == filenames.LONGEST_STEM
    assert filenames.belongs(captions, video)
