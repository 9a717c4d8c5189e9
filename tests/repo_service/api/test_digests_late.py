"""Mail about kept searches when something else is late or wrong: the index, an address, a letter."""

from datetime import timedelta

import pytest

from repo_service.context import Context
from repo_service.models import User
from repo_service.services import digests, indexing, mail
from repo_service.web import letters
from tests.repo_service.api.conftest import Site, Time
from tests.repo_service.api.posting import DAY, held, keep, parts, publish, run
from tests.servers.smtp import Mailbox

pytestmark = pytest.mark.both_databases


def test_what_the_index_does_not_know_yet_is_told_when_it_does(town: Site, box: Mailbox, time: Time) -> None:
    """A worker that was away brings its index up to date while the letters of these hours are due already."""
    keep(town)
    publish(town, "豫剧唱腔", indexed=False)
    time.now += DAY
    assert run(town) == {}, "nothing before that is known: its turn stays"
    indexing.drain(town.ctx)
    assert run(town) == {"digests_sent": 1}
    time.now += timedelta(hours=1)
    publish(town, "豫剧身段")
    time.now += timedelta(hours=1)
    publish(town, "豫剧脸谱", indexed=False)
    time.now += DAY
    assert run(town) == {"digests_sent": 1}
    indexing.drain(town.ctx)
    time.now += DAY
    assert run(town) == {"digests_sent": 1}
    assert ["豫剧身段" in str(one) + parts(one)[0] for one in box.letters] == [False, True, False]
    assert ["豫剧脸谱" in str(one) + parts(one)[0] for one in box.letters] == [False, False, True]


def test_what_many_newer_ones_push_down_is_told_all_the_same(town: Site, box: Mailbox, time: Time) -> None:
    """A bulk import just before a letter is due belongs to the next one, and must not cost this one its news."""
    keep(town)
    publish(town, "豫剧唱腔")
    time.now += DAY
    for number in range(digests.LOOKED_AT + 1):
        publish(town, f"豫剧名段 {number}", indexed=False)
    while indexing.drain(town.ctx):
        continue
    assert run(town) == {"digests_sent": 1}
    assert "豫剧唱腔" in str(box.letters[0]) + parts(box.letters[0])[0]
    time.now += DAY
    assert run(town) == {"digests_sent": 1}
    assert "豫剧名段" in parts(box.letters[1])[0]


def test_a_domain_in_chinese_is_reached(town: Site, box: Mailbox, time: Time) -> None:
    saved_id = keep(town)
    with town.ctx.db.write() as session:
        session.get_one(User, town.people["learner"].id).email = "wang@例子.cn"
    publish(town, "豫剧唱腔")
    time.now += DAY
    assert run(town) == {"digests_sent": 1}
    assert held(town, saved_id).error == ""
    assert any("wang@xn--fsqu00a.cn" in command for command in box.commands)


def test_a_letter_that_nobody_can_write_keeps_no_other_back(town: Site, box: Mailbox, time: Time) -> None:
    bad, good = keep(town, q="豫剧"), keep(town, q="唱腔")

    def write(ctx: Context, digest: digests.Digest) -> mail.Letter:
        if digest.search == "豫剧":
            raise LookupError("unforeseen")
        return letters.digest(ctx, digest)

    publish(town, "豫剧唱腔")
    time.now += DAY
    assert digests.send_due(town.ctx, write) == {"digests_failed": 1, "digests_sent": 1}
    assert (held(town, bad).error, held(town, good).error) == ("mail_uncertain", "")
