"""Mail about kept searches: at most one letter in a period, nothing new is lost, and whoever gets it can end it."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from time import sleep
from typing import Any

import pytest

from repo_service import worker
from repo_service.models import User
from repo_service.services import digests, mail
from repo_service.services.digests import FIRST_RETRY, RETRIES, SETTLED
from tests.repo_service.api.conftest import Site, Time
from tests.repo_service.api.posting import DAY, PATH, held, keep, parts, publish, row, run
from tests.servers.smtp import Mailbox

pytestmark = pytest.mark.both_databases


def test_one_letter_in_a_period_with_what_is_new(town: Site, box: Mailbox, time: Time) -> None:
    publish(town, "豫剧旧课")
    time.now += timedelta(hours=1)
    keep(town)
    time.now += timedelta(hours=1)
    new = publish(town, "豫剧唱腔 <入门>")
    assert run(town) == {}, "its turn has not come"
    time.now += DAY
    assert run(town) == {"digests_sent": 1}
    assert run(town) == {}
    (letter,) = box.letters
    assert letter["To"] == "learner@example.cn"
    assert letter["From"] == "学海 <noreply@example.cn>"
    assert letter["Subject"] == "1 new resource: 豫剧"
    plain, html = parts(letter)
    assert f"{town.ctx.settings.public_url}/resources/{new.id}" in plain
    assert "豫剧唱腔 <入门>" in plain
    assert "豫剧唱腔 &lt;入门&gt;" in html
    assert "豫剧旧课" not in plain + html
    time.now += DAY
    assert run(town) == {"digests_without_news": 1}
    assert len(box.letters) == 1


def test_it_is_written_in_the_language_of_whoever_asked_for_it(town: Site, box: Mailbox, time: Time) -> None:
    keep(town, "weekly", **{"Accept-Language": "zh-CN"})
    publish(town, "豫剧唱腔")
    time.now += DAY
    assert run(town) == {}
    time.now += 6 * DAY
    assert run(town) == {"digests_sent": 1}
    assert box.letters[0]["Subject"] == "1 个新资源：豫剧"
    assert box.letters[0]["Content-Language"] == "zh-Hans"
    assert "您保存的检索“豫剧”有新资源" in parts(box.letters[0])[0]


def test_what_is_published_while_a_run_looks_comes_with_the_next_one(town: Site, box: Mailbox, time: Time) -> None:
    keep(town)
    time.now += DAY - SETTLED / 2
    publish(town, "豫剧唱腔")
    time.now += SETTLED / 2
    assert run(town) == {"digests_without_news": 1}
    time.now += DAY
    assert run(town) == {"digests_sent": 1}


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_process_sends_nothing_twice_in_a_period_and_loses_nothing(
    town: Site, box: Mailbox, time: Time, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    keep(town)
    publish(town, "豫剧唱腔")
    time.now += DAY
    real = mail.send

    def dying(*given: Any) -> None:
        if when == "after":
            real(*given)
        raise Killed

    monkeypatch.setattr(mail, "send", dying)
    with pytest.raises(Killed):
        run(town)
    monkeypatch.setattr(mail, "send", real)
    before = len(box.letters)
    assert run(town) == {}, "the period is claimed"
    time.now += DAY
    assert run(town) == {"digests_sent": 1}
    assert len(box.letters) == before + 1
    assert "豫剧唱腔" in parts(box.letters[-1])[0]


@pytest.mark.parametrize(
    ("fail", "answer", "code"),
    [("EHLO", "", "mail_away"), ("RCPT", "550 no such person", "mail_refused"), ("DATA", "451 later", "mail_refused")],
)
def test_what_surely_failed_is_tried_again_after_longer_and_longer_pauses(
    town: Site, box: Mailbox, time: Time, fail: str, answer: str, code: str
) -> None:
    saved_id = keep(town)
    publish(town, "豫剧唱腔")
    box.fail, box.answer = fail, answer
    time.now += DAY
    for attempt in range(RETRIES):
        assert run(town) == {"digests_failed": 1}
        assert run(town) == {}
        told = town.client("learner").get(f"{PATH}/{saved_id}").json()["digest"]
        assert told["error"] == code
        assert datetime.fromisoformat(told["next_at"]) == time.now + FIRST_RETRY * 2**attempt
        time.now += FIRST_RETRY * 2**attempt
    box.fail = ""
    assert run(town) == {"digests_sent": 1}
    assert held(town, saved_id).error == ""


def test_a_line_that_breaks_after_the_letter_is_not_tried_again_in_this_period(
    town: Site, box: Mailbox, time: Time
) -> None:
    saved_id = keep(town)
    publish(town, "豫剧唱腔")
    box.fail = "DATA."
    time.now += DAY
    assert run(town) == {"digests_failed": 1}
    assert held(town, saved_id).error == "mail_uncertain"
    box.fail = ""
    time.now += DAY - timedelta(seconds=1)
    assert run(town) == {}
    time.now += timedelta(seconds=1)
    assert run(town) == {"digests_sent": 1}
    assert len(box.letters) == 2


def test_a_server_that_is_away_ends_the_run_and_the_others_keep_their_turn(
    town: Site, box: Mailbox, time: Time
) -> None:
    publish(town, "豫剧唱腔")
    one, two = (keep(town, who=who) for who in ("learner", "uploader"))
    publish(town, "豫剧身段")
    box.fail = "EHLO"
    time.now += DAY
    assert run(town) == {"digests_failed": 1}
    assert sorted(held(town, saved_id).tries for saved_id in (one, two)) == [0, 1]
    box.fail = ""
    assert run(town) == {"digests_sent": 1}


def test_a_run_sends_so_many_letters(town: Site, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "A_RUN", 2)
    for who in ("learner", "uploader", "curator"):
        keep(town, who=who)
    publish(town, "豫剧唱腔")
    time.now += DAY
    assert [run(town) for _ in range(3)] == [{"digests_sent": 2}, {"digests_sent": 1}, {}]


def test_no_header_can_be_brought_in(town: Site, box: Mailbox, time: Time) -> None:
    client = town.client("learner")
    nasty = client.post(PATH, json={"address": "q=%E8%B1%AB%E5%89%A7%0D%0ABcc:%20x@evil.example"}).json()["id"]
    assert client.patch(f"{PATH}/{nasty}", json={"digest": "daily"}).status_code == 200
    refused = client.post(PATH, json={"address": "q=a", "name": "a\r\nBcc: x@evil.example"})
    assert refused.status_code == 422
    publish(town, "豫剧唱腔 Bcc x evil example")
    time.now += DAY
    assert run(town) == {"digests_sent": 1}
    (letter,) = box.letters
    assert "Bcc" not in letter
    assert "\n" not in letter["Subject"]
    assert [to for _, to in box.envelopes] == [["learner@example.cn"]]


def test_an_address_that_cannot_be_written_is_refused(town: Site, box: Mailbox, time: Time) -> None:
    saved_id = keep(town)
    with town.ctx.db.write() as session:
        session.get_one(User, town.people["learner"].id).email = "王\r\n@example.cn"
    publish(town, "豫剧唱腔")
    time.now += DAY
    assert run(town) == {"digests_failed": 1}
    assert held(town, saved_id).error == "mail_refused"
    assert box.commands == []


def link(letter: EmailMessage, url: str) -> str:
    """The address that ends the mail, as mail programs find it, without the site."""
    found = re.fullmatch(r"<(.+)>", letter["List-Unsubscribe"])
    assert found is not None
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found[1] in parts(letter)[0]
    return found[1].removeprefix(url)


def test_one_click_ends_it_without_signing_in(town: Site, box: Mailbox, time: Time) -> None:
    saved_id = keep(town)
    publish(town, "豫剧唱腔")
    time.now += DAY
    run(town)
    address = link(box.letters[0], town.ctx.settings.public_url)
    anybody = town.client(Accept="text/html")
    assert "豫剧" in anybody.get(address).text
    assert row(town, saved_id) is not None, "whoever only looks at links ends nothing"
    wrong = address[:-1] + ("0" if address[-1] != "0" else "1")
    assert anybody.post(wrong).status_code == anybody.get(wrong).status_code == 404
    assert row(town, saved_id) is not None
    for _ in range(2):
        assert anybody.post(address, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert row(town, saved_id) is None
    assert town.client("learner").get(f"{PATH}/{saved_id}").json()["digest"] is None, "the search is kept"


def test_a_link_ends_only_the_digest_it_came_with(town: Site, box: Mailbox, time: Time) -> None:
    saved_id = keep(town)
    publish(town, "豫剧唱腔")
    time.now += DAY
    run(town)
    old = link(box.letters[0], town.ctx.settings.public_url)
    for every in (None, "weekly"):
        town.client("learner").patch(f"{PATH}/{saved_id}", json={"digest": every})
    assert town.client().post(old).status_code == 404
    assert held(town, saved_id).every == "weekly"


def test_nobody_gets_mail_about_what_is_not_public_or_after_their_account_ended(
    town: Site, box: Mailbox, time: Time
) -> None:
    publish(town, "越剧")
    keep(town, who="curator")
    town.resource("draft", title="豫剧草稿")
    time.now += DAY
    assert run(town) == {"digests_without_news": 1}
    publish(town, "豫剧唱腔")
    with town.ctx.db.write() as session:
        session.get_one(User, town.people["curator"].id).active = False
    time.now += DAY
    assert run(town) == {}
    assert box.letters == []


def test_where_search_is_away_nothing_is_taken_for_no_news(town: Site, time: Time) -> None:
    saved_id = keep(town)
    time.now += DAY
    assert run(town) == {"digests_failed": 1}, "nothing was ever indexed"
    assert held(town, saved_id).error == "search_away"
    publish(town, "豫剧唱腔")
    time.now += FIRST_RETRY
    assert run(town) == {"digests_sent": 1}


def test_the_worker_sends_what_is_due(town: Site, box: Mailbox, time: Time) -> None:
    saved_id = keep(town)
    publish(town, "豫剧唱腔")
    time.now += DAY
    with worker.working(town.ctx, concurrency=1):
        for _ in range(600):
            if held(town, saved_id).sent_at is not None:
                break
            sleep(0.05)
    assert len(box.letters) == 1


def test_ones_own_searches_are_nobody_elses(town: Site) -> None:
    saved_id = keep(town)
    for who, status in (("", 401), ("uploader", 404), ("system_admin", 404), ("learner", 200)):
        client = town.client(who)
        assert client.get(f"{PATH}/{saved_id}").status_code == status
        assert client.patch(f"{PATH}/{saved_id}", json={"digest": "weekly"}).status_code == status
    assert town.client("uploader").get(PATH).json() == []
    assert town.client("uploader").delete(f"{PATH}/{saved_id}").status_code == 404
    assert town.client("learner").delete(f"{PATH}/{saved_id}").status_code == 204
    assert row(town, saved_id) is None


def test_a_person_has_so_many(town: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST_OF_A_PERSON", 1)
    keep(town)
    client = town.client("learner")
    other = client.post(PATH, json={"address": "q=b"}).json()["id"]
    refused = client.patch(f"{PATH}/{other}", json={"digest": "daily"})
    assert (refused.status_code, refused.json()["code"]) == (409, "lexicon_full")


def test_without_a_server_nothing_is_sent_and_nothing_is_claimed(site: Site) -> None:
    saved_id = keep(site)
    before = held(site, saved_id).due_at
    assert run(site) == {}
    assert held(site, saved_id).due_at == before


def test_a_password_goes_out_in_no_clear_line(town: Site, box: Mailbox, time: Time) -> None:
    update = {"mail_url": f"smtp://us%40er:pass@127.0.0.1:{box.port}"}
    town.ctx = replace(town.ctx, settings=town.ctx.settings.model_copy(update=update))
    saved_id = keep(town)
    publish(town, "豫剧唱腔")
    time.now += DAY
    assert run(town) == {"digests_failed": 1}
    assert held(town, saved_id).error == "mail_away"
    assert not [line for line in box.commands if line.startswith("AUTH")]


def test_a_server_that_refuses_the_password(town: Site, box: Mailbox, time: Time) -> None:
    update = {"mail_url": f"smtp://user:pass@127.0.0.1:{box.port}?tls=none"}
    town.ctx = replace(town.ctx, settings=town.ctx.settings.model_copy(update=update))
    saved_id = keep(town)
    publish(town, "豫剧唱腔")
    box.fail, box.answer = "AUTH", "535 no"
    time.now += DAY
    assert run(town) == {"digests_failed": 1}
    assert held(town, saved_id).error == "mail_sign_in"
