"""Where mail is handed in, as the settings say it."""

import pytest

from repo_service.errors import Misconfigured
from repo_service.services import mail
from repo_service.settings import Settings


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://mail.example.cn", "a@example.cn"),
        ("smtp://mail.example.cn:x", "a@example.cn"),
        ("smtp://:25", "a@example.cn"),
        ("smtp://mail.example.cn?tls=maybe", "a@example.cn"),
        ("smtps://user:secret@mail.example.cn", ""),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(url: str, sender: str) -> None:
    with pytest.raises(Misconfigured, match="XUEHAI_MAIL_") as refused:
        mail.server_of(Settings(mail_url=url, mail_from=sender))
    assert "secret" not in str(refused.value)


def test_ports_and_encryption_by_scheme() -> None:
    def read(url: str) -> tuple[int, str]:
        server = mail.server_of(Settings(mail_url=url, mail_from="a@example.cn"))
        assert server is not None
        return server.port, server.encryption

    assert read("smtp://mail.example.cn") == (587, "starttls")
    assert read("smtps://mail.example.cn") == (465, "tls")
    assert read("smtp://mail.example.cn:25?tls=none") == (25, "none")
