"""What people are told for each stable code: what happened, that nothing is lost, what to do.

Codes of services come as exceptions with facts, codes of ingest lie in the rows of failed jobs, codes of uploads come
to the browser in problem documents.
"""

from repo_service.web.catalogue import translations
from repo_service.web.look import Locale
from repo_service.web.sentences import ALL, GENERAL, HEADINGS

__all__ = ["ALL", "heading", "sentence"]


def sentence(code: str, locale: Locale = "zh", **facts: object) -> str:
    """The sentence for a code in a language; a code without one gets the general sentence.

    ``facts`` are what the error knows about its case; a sentence may name some of them as ``%(name)s``.
    """
    text = translations(locale).gettext(ALL.get(code, GENERAL["error"]))
    return text % facts if "%(" in text else text


def heading(status: int, locale: Locale = "zh") -> str:
    """The title of the page of a refusal, by its HTTP status."""
    return translations(locale).gettext(HEADINGS.get(status, HEADINGS[500]))
