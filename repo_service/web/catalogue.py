"""The message catalogues, one for each language; ``locales/*/LC_MESSAGES/messages.po`` are compiled at build time."""

import gettext
from functools import cache
from pathlib import Path

from repo_service.web.look import CATALOGUES, Locale

LOCALES_FOLDER = Path(__file__).parent / "locales"
DOMAIN = "messages"


@cache
def translations(locale: Locale) -> gettext.NullTranslations:
    """The catalogue of a language. Sources are written in English, so that English works without one."""
    return gettext.translation(DOMAIN, LOCALES_FOLDER, [CATALOGUES[locale]], fallback=locale == "en")
