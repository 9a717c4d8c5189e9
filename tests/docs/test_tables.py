"""What the documents say about settings, commands, codes, routes and the version is what the code says."""

import re
import tomllib
from pathlib import Path

import pytest

from repo_service.settings import PREFIX, Settings
from tests.docs import render

ROOT = render.ROOT


@pytest.mark.parametrize("name", render.TABLES)
def test_the_tables_are_fresh(name: str) -> None:
    document, make = render.TABLES[name]
    text = document.read_text(encoding="utf-8")
    table = text.partition(f"<!-- {name} -->\n")[2].partition(f"\n<!-- /{name} -->")[0]
    assert table == make(), "run `make docs`"


def test_the_settings_to_copy_are_the_settings() -> None:
    expected = {}
    for name, field in Settings.model_fields.items():
        expected[f"{PREFIX}{name.upper()}"] = (f"{field.description}.", render.default_of(name))
    text = (ROOT / "deploy" / ".env.example").read_text(encoding="utf-8")
    found = re.findall(rf"^# (.+)\n#({PREFIX}\w+)=(.*)$", text, re.MULTILINE)
    assert {name: (words, default) for words, name, default in found} == expected
    assert text.count(PREFIX) == len(expected)


def test_the_version_is_the_top_of_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"]


def test_every_command_says_what_it_does_in_both_languages() -> None:
    both = re.compile(r"[^·]*[\u4e00-\u9fff][^·]* · [a-zA-Z][^·]+")
    assert [usage for usage, words in render.commands() if not both.fullmatch(words)] == []


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in (*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/*.md")):
        targets = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
        assert [target for target in targets if not (document.parent / target).exists()] == [], document


def test_modules_that_the_documents_name_exist() -> None:
    named = re.compile(r"`((?:repo_service|ingest|search|tests|deploy)/[\w/.-]+)`")
    for document in ("CONTRIBUTING.md", "README.md"):
        found = set(named.findall(Path(ROOT, document).read_text(encoding="utf-8")))
        assert [path for path in sorted(found) if not (ROOT / path).exists()] == []
