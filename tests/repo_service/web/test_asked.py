"""The librarian's list of what was searched in vain."""

from tests.repo_service.web.conftest import Library


def test_librarians_read_what_was_searched_in_vain(library: Library) -> None:
    client = library.client("curator")
    assert client.get("/search", params={"q": "龘靐齉"}).status_code == 200
    client.app.state.asked.flush()  # type: ignore[attr-defined]
    page = client.get("/search/in-vain")
    assert page.status_code == 200
    assert "没有找到的检索" in page.text
    assert "龘靐齉" in page.text
    assert client.get("/api/v1/searches/in-vain").json()[0].keys() == {"query", "times", "last_day"}
    assert library.client("uploader").get("/search/in-vain").status_code == 403
