"""The sentences for every stable code: what happened, that nothing is lost, what to do.

The sentences here are English; their Chinese is in the catalogue. Codes of services come as exceptions with facts,
codes of ingest lie in the rows of failed jobs, codes of uploads come to the browser in problem documents.
"""

from repo_service.web.look import Locale
from repo_service.web.view import translations


def N_(message: str) -> str:
    """Mark a message for the catalogue without translating it here."""
    return message


SERVICES = {
    "error": N_("That did not work. Nothing you entered before is lost. Please try again."),
    "not_found": N_("There is nothing here, or it is not public. Check the address or search for it."),
    "unauthenticated": N_("Please sign in first. Then you come back to this page."),
    "forbidden": N_("Your account may not do this. Ask an administrator of your institution."),
    "invalid": N_("Some entries are not right. Please correct what is marked; the rest is kept."),
    "conflict": N_("This cannot be done in its present state. Nothing was changed. Load the page again to see it."),
    "stale_revision": N_("Somebody changed this in the meantime. Nothing was overwritten. Load it again, then edit."),
    "revision_required": N_("The change must say which revision it is based on. Load the record again, then send it."),
    "too_large": N_("The file is larger than what may be taken here. Nothing was stored. Ask for more space."),
    "unsupported_type": N_("This type of content is not taken. Nothing was stored. Send it in another form."),
    "too_many": N_("Too many tries. Nothing is lost. Please wait a while and try again."),
    "unavailable": N_("A part of the service is away for the moment. Nothing is lost. Please try again soon."),
    "lost_lease": N_("Another worker has taken this step over. Nothing is lost and there is nothing to do."),
    "internal": N_("Something went wrong on our side. What was saved is safe. Please try again."),
}


def sentence(code: str, locale: Locale = "zh", **facts: object) -> str:
    """The sentence for a code in a language; a code without one gets the general sentence."""
    found = ALL.get(code, SERVICES["error"])
    text = translations(locale).gettext(found)
    return text % facts if facts and "%(" in text else text


ALL = SERVICES
