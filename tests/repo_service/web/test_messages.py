"""Words: every code has its sentence, every message its Chinese, and no page falls back to the other language."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from ingest.errors import CODES
from repo_service.vocab import JOB_STATES, PROCESSING, ROLES, STATES
from repo_service.web import words
from repo_service.web.catalogue import LOCALES_FOLDER
from repo_service.web.messages import ALL, sentence
from repo_service.web.view import FOLDER

SERVICE = Path(FOLDER).parent
_RAISED = re.compile(r"code(?::\s*ClassVar\[str\])?\s*=\s*\"([a-z_]+)\"")


def catalogue(locale: str) -> Catalog:
    with (LOCALES_FOLDER / locale / "LC_MESSAGES" / "messages.po").open("rb") as given:
        return read_po(given, locale=locale)


def updater() -> ModuleType:
    spec = importlib.util.spec_from_file_location("update", LOCALES_FOLDER / "update.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_code_of_services_and_uploads_has_a_sentence() -> None:
    raised: set[str] = set()
    for path in [*SERVICE.glob("*.py"), *SERVICE.glob("services/*.py"), *SERVICE.glob("api/*.py")]:
        raised |= set(_RAISED.findall(path.read_text(encoding="utf-8")))
    assert raised - ALL.keys() == set()


def test_every_code_of_ingest_has_a_sentence() -> None:
    assert CODES.keys() - ALL.keys() == set()


def test_every_message_of_templates_and_code_is_in_both_catalogues() -> None:
    wanted = {message.id for message in updater().messages() if message.id}
    for locale in ("zh_CN", "en"):
        held = {message.id for message in catalogue(locale) if message.id}
        assert wanted == held, f"run python repo_service/web/locales/update.py ({locale})"


def test_every_message_has_its_words_in_both_languages() -> None:
    for locale in ("zh_CN", "en"):
        empty = [m.id for m in catalogue(locale) if m.id and not all(_forms(m.string))]
        assert empty == []


def test_translations_keep_what_is_filled_in() -> None:
    names = re.compile(r"%\((\w+)\)[sd]")
    for message in catalogue("zh_CN"):
        if message.id:
            said = _forms(message.id)[-1]
            assert all(set(names.findall(form)) == set(names.findall(said)) for form in _forms(message.string)), said


def test_sources_are_english() -> None:
    assert not [m.id for m in catalogue("zh_CN") if re.search(r"[\u4e00-\u9fff]", str(m.id))]


def test_a_sentence_says_what_to_do_in_both_languages() -> None:
    assert "登录" in sentence("unauthenticated", "zh")
    assert "sign in" in sentence("unauthenticated", "en")
    assert sentence("never_heard_of", "zh") == sentence("error", "zh")


def test_every_published_word_has_a_name() -> None:
    for table, known in (("state", STATES), ("processing", PROCESSING), ("job", JOB_STATES), ("user_role", ROLES)):
        assert set(known) <= words.TABLES[table].keys()
    assert words.word("zh", "licence", "CC-BY-4.0") == "CC BY 署名"
    assert words.word("en", "degree", True) == "Degree"


def test_licences_have_the_short_names_that_people_use() -> None:
    assert words.short_licence("CC-BY-NC-4.0") == "CC BY-NC 4.0"
    assert words.short_licence("CC0-1.0") == "CC0 1.0"
    assert words.short_licence("LicenseRef-audience") == ""


def _forms(said: object) -> tuple[str, ...]:
    return tuple(said) if isinstance(said, tuple | list) else (str(said or ""),)
