"""Running steps over the real store: what goes in, what is kept, what is said when it goes wrong."""

import errno
import hashlib

import pytest

from ingest.errors import IngestError
from ingest.model import Passage, Product, Step, StepInput, StepOutput, Surroundings
from repo_service.errors import Conflict, Forbidden, NotFound
from repo_service.models import Blob
from repo_service.models import Passage as PassageRow
from repo_service.policy import ANONYMOUS, OPERATOR, Actor
from repo_service.services import garbage, processing
from repo_service.services.jobs import Claim
from repo_service.services.processing import claim_of_staged, staged_name
from repo_service.storage.port import LocalBytes
from tests.repo_service.jobs.conftest import Bench, Line, Run, making

pytestmark = pytest.mark.both_databases


def raising(error: Exception) -> Run:
    def run_step(given: StepInput, around: Surroundings) -> StepOutput:
        raise error

    return run_step


def test_what_a_step_makes_is_kept_and_shown(bench: Bench) -> None:
    line = Line((Step("make", 1, making("text/a.txt", b"made", pages=3, duration=None)),))

    def make_in_folder(given: StepInput, around: Surroundings) -> StepOutput:
        (around.scratch / "text").mkdir()
        return line.steps[0].run(given, around)

    bench.give(Line((Step("make", 1, make_in_folder),)), "课.docx")
    assert bench.work(Line((Step("make", 1, make_in_folder),))) == 2
    made = bench.files()["text/a.txt"]
    assert (made.name, made.size, made.step, made.role) == ("课.txt", 4, "make", "text")
    assert b"".join(bench.ctx.store.read(f"blobs/{made.sha256}")) == b"made"
    shown = bench.fresh()
    assert (shown.media_kind, shown.pages, shown.duration) == ("document", 3, None)
    assert bench.job("make").made_files == 1
    assert len(bench.job("make").params_hash) == 64
    assert list(bench.ctx.store.scan("staging/")) == []
    assert list(processing.scratch_root(bench.ctx).iterdir()) == []


def test_a_step_is_given_the_file_the_facts_and_the_products_that_it_needs(bench: Bench) -> None:
    seen: list[StepInput] = []

    def look(given: StepInput, around: Surroundings) -> StepOutput:
        assert given.source.read_bytes() == b"lesson"
        assert [product.path.read_bytes() for product in given.products] == [b"preview"]
        seen.append(given)
        return StepOutput()

    steps = (
        Step("preview", 1, making("preview.pdf", b"preview", "preview", pages=2)),
        Step("other", 1, making("other.txt", b"other", "other")),
        Step("look", 1, look, after=("preview", "other"), needs=("preview",)),
    )
    bench.give(Line(steps))
    bench.work(Line(steps))
    assert bench.states()["look"] == "done"
    (given,) = seen
    assert (given.name, given.role) == ("lesson.txt", "source")
    assert given.facts["preview"] == {"pages": 2}
    assert [product.name for product in given.products] == ["preview.pdf"]


@pytest.mark.parametrize(
    ("error", "code", "state"),
    [
        (IngestError("bad_bytes", "x"), "bad_bytes", "failed"),
        (IngestError("killed", "x", retryable=True), "killed", "ready"),
        (ZeroDivisionError("a fault of ours"), "internal_error", "ready"),
        (OSError(errno.ENOSPC, "no space"), "disk_full", "ready"),
    ],
)
def test_why_a_step_failed_is_written_down(bench: Bench, error: Exception, code: str, state: str) -> None:
    line = Line((Step("make", 1, raising(error)),))
    bench.give(line)
    bench.work(line)
    job = bench.job("make")
    assert (job.error_code, job.state, job.failures) == (code, state, 1)


def test_a_file_whose_bytes_are_gone_is_said_to_be(bench: Bench) -> None:
    file = bench.give(Line())
    bench.ctx.store.delete(f"blobs/{file.sha256}")
    bench.work(Line())
    assert (bench.job("identify").state, bench.job("identify").error_code) == ("failed", "source_missing")


def test_a_step_that_left_the_pipeline_says_so(bench: Bench) -> None:
    bench.give(Line((Step("old", 1, making("a", b"a")),)))
    processing.work_one(bench.ctx, "w", pipeline=Line((Step("old", 1, making("a", b"a")),)))
    bench.work(Line())
    assert bench.job("old").error_code == "unknown_step"


def test_a_product_that_was_not_made_is_a_fault(bench: Bench) -> None:
    def lie(given: StepInput, around: Surroundings) -> StepOutput:
        return StepOutput({}, (Product("text", "a.txt", around.scratch / "a.txt", "text/plain"),))

    line = Line((Step("make", 1, lie),))
    bench.give(line)
    bench.work(line)
    assert (bench.job("make").error_code, bench.job("make").failures) == ("internal_error", 1)


def test_the_second_source_keeps_its_products_in_a_folder_of_its_own(bench: Bench) -> None:
    line = Line((Step("make", 1, making("a.txt", b"a")),))
    bench.give(line, "first.txt")
    second = bench.give(line, "second.txt")
    bench.work(line)
    assert set(bench.files()) == {"a.txt", f"{second.id}/a.txt"}
    with bench.ctx.db.read() as session:
        assert session.query(Blob).where(Blob.sha256 == hashlib.sha256(b"a").hexdigest()).count() == 1


@pytest.mark.parametrize("order", [("film.mp4", "words.srt"), ("words.srt", "film.mp4")])
def test_subtitles_beside_a_film_count_as_captions(bench: Bench, order: tuple[str, str]) -> None:
    kinds = {"film.mp4": "video", "words.srt": "subtitle"}
    line = Line((Step("make", 1, making("a.vtt", b"a", "captions_vtt")),), kinds)
    given = {name: bench.give(line, name) for name in order}
    bench.work(line)
    with bench.ctx.db.read() as session:
        roles = {name: session.get_one(type(file), file.id).role for name, file in given.items()}
    assert roles == {"film.mp4": "source", "words.srt": "captions"}
    assert bench.fresh().media_kind == "video"
    assert bench.fresh().has_captions


def test_doing_a_step_again_replaces_what_it_made(bench: Bench) -> None:
    def speak(words: str) -> Run:
        return lambda given, around: StepOutput({}, (), (Passage("section", words), Passage("section", words * 2)))

    old = Line((Step("make", 1, making("a.txt", b"old")), Step("say", 1, speak("old"), after=("make",))))
    new = Line((Step("make", 2, making("b.txt", b"new")), Step("say", 1, speak("new"), after=("make",))))
    bench.give(old)
    bench.work(old)
    assert processing.reprocess(bench.ctx, pipeline=old) == []
    assert processing.reprocess(bench.ctx, pipeline=new) == [bench.job("make").id]
    assert bench.states() == {"identify": "done", "make": "ready", "say": "waiting"}
    assert set(bench.files()) == {"a.txt"}, "the old is served until the new is there"
    bench.work(new)
    assert set(bench.files()) == {"b.txt"}
    with bench.ctx.db.read() as session:
        assert [row.text for row in session.query(PassageRow).order_by(PassageRow.ordinal)] == ["new", "newnew"]
    assert bench.job("make").step_version == 2
    bench.clock.tick(hours=2)
    assert garbage.quarantine(bench.ctx) == 1


def test_a_step_that_waits_for_its_next_try_waits_for_what_is_redone_before_it(bench: Bench) -> None:
    line = Line((Step("make", 1, raising(ZeroDivisionError())),))
    bench.give(line)
    bench.work(line)
    assert bench.states() == {"identify": "done", "make": "ready"}
    processing.reprocess(bench.ctx, "identify", pipeline=line)
    assert bench.states() == {"identify": "ready", "make": "waiting"}


def test_one_step_can_be_done_again_by_name(bench: Bench) -> None:
    line = Line((Step("make", 1, making("a.txt", b"a")),))
    bench.give(line)
    bench.work(line)
    assert processing.reprocess(bench.ctx, "make", pipeline=line) == [bench.job("make").id]
    assert bench.work(line) == 1


def test_a_failed_step_is_retried_with_what_waited_for_it(bench: Bench) -> None:
    bad = Line((Step("make", 1, raising(IngestError("bad", ""))), Step("after", 1, making("b", b"b"), after=("make",))))
    good = Line((Step("make", 1, making("a", b"a")), bad.steps[1]))
    bench.give(bad)
    bench.work(bad)
    assert bench.states() == {"identify": "done", "make": "failed", "after": "cancelled"}
    with pytest.raises(Conflict):
        processing.retry(bench.ctx, OPERATOR, bench.resource.id, "after", pipeline=bad)
    processing.retry(bench.ctx, OPERATOR, bench.resource.id, "make", pipeline=good)
    assert bench.states() == {"identify": "done", "make": "ready", "after": "waiting"}
    bench.work(good)
    assert set(bench.states().values()) == {"done"}


def test_only_who_may_can_retry(bench: Bench) -> None:
    bench.give(Line())
    reader = Actor("r", roles={bench.resource.institution_id: frozenset({"auditor"})}, scopes=frozenset({"all"}))
    with pytest.raises(NotFound):
        processing.retry(bench.ctx, ANONYMOUS, bench.resource.id, "identify")
    with pytest.raises(Forbidden):
        processing.retry(bench.ctx, reader, bench.resource.id, "identify")
    with pytest.raises(NotFound):
        processing.retry(bench.ctx, OPERATOR, "nobody", "identify")


def test_a_worker_that_stops_hands_its_job_back(bench: Bench) -> None:
    def report(given: StepInput, around: Surroundings) -> StepOutput:
        around.report(0.5)
        return StepOutput()

    line = Line((Step("make", 1, report),))
    bench.give(line)
    processing.work_one(bench.ctx, "w", pipeline=line)
    processing.work_one(bench.ctx, "w", pipeline=line, stopping=lambda: True)
    assert (bench.job("make").state, bench.job("make").interruptions, bench.job("make").failures) == ("ready", 0, 0)


def test_a_staged_name_tells_whose_it_is(bench: Bench) -> None:
    claim = Claim("0198-ab", 7, 1, "r", 1, "f", "s")
    assert claim_of_staged(staged_name(claim, 3)) == ("0198-ab", 7)
    for other in ("0198-ab", "job-", "job-a-b-c", "job-x"):
        assert claim_of_staged(other) is None


def test_a_file_of_this_machine_is_linked_not_copied(bench: Bench) -> None:
    inodes: list[int] = []

    def look(given: StepInput, around: Surroundings) -> StepOutput:
        inodes.append(given.source.stat().st_ino)
        return StepOutput()

    line = Line((Step("look", 1, look),))
    file = bench.give(line)
    bench.work(line)
    chunks = bench.ctx.store.read(f"blobs/{file.sha256}")
    assert isinstance(chunks, LocalBytes)
    assert inodes == [chunks.path.stat().st_ino]
    assert b"".join(bench.ctx.store.read(f"blobs/{file.sha256}")) == b"lesson"
