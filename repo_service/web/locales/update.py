"""Brings the message catalogues up to date with templates and code: ``python repo_service/web/locales/update.py``.

New messages come in empty for Chinese, to be translated; English is what the sources say. A test refuses catalogues
that lack a message.
"""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent
WEB = HERE.parent
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}


def messages() -> Catalog:
    """Every message in templates and code, with the places where it stands."""
    found = Catalog(charset="utf-8", fuzzy=False)
    rows = extract_from_dir(str(WEB), METHODS, OPTIONS, KEYWORDS)
    for name, _line, message, _comments, _context in sorted(rows, key=lambda row: (row[0], row[1])):
        found.add(message, locations=[(name, 0)])
    return found


def update(locale: str, template: Catalog) -> int:
    """Write the catalogue of one language; answer how many messages it still lacks."""
    path = HERE / locale / "LC_MESSAGES" / "messages.po"
    if path.exists():
        with path.open("rb") as given:
            catalogue = read_po(given, locale=locale)
    else:
        catalogue = Catalog(locale=locale, project="xuehai", charset="utf-8", fuzzy=False)
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    for message in catalogue:
        if locale == "en" and message.id:
            message.string = message.id
    catalogue.project, catalogue.version = "xuehai", ""
    catalogue.last_translator = catalogue.language_team = "Xuehai"
    catalogue.msgid_bugs_address = ""
    catalogue.header_comment = f"# Words of the pages ({locale}). The sources are English; see update.py."
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        write_po(out, catalogue, width=120, sort_by_file=True, include_lineno=False, omit_header=False)
    return sum(1 for message in catalogue if message.id and not (message.string and all(_forms(message.string))))


def _forms(string: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else tuple(string)


if __name__ == "__main__":
    template = messages()
    for locale in ("zh_CN", "en"):
        print(f"{locale}: {update(locale, template)} to translate")
