"""What is written in mail, in the language of whoever gets it: plain text and simple HTML that say the same."""

from urllib.parse import urljoin

from repo_service.context import Context
from repo_service.services.digests import LOOKED_AT, Digest
from repo_service.services.mail import Letter
from repo_service.web.catalogue import translations
from repo_service.web.look import TAGS
from repo_service.web.view import drawn


def digest(ctx: Context, found: Digest) -> Letter:
    """The letter about what is new in a kept search."""
    url = ctx.settings.public_url
    _, ngettext = translations(found.language).gettext, translations(found.language).ngettext
    number = f"{found.total}+" if found.total >= LOOKED_AT else str(found.total)
    subject = ngettext("%(num)s new resource: %(search)s", "%(num)s new resources: %(search)s", found.total)
    lines = [_("New in your search “%(search)s”:") % {"search": found.search}, ""]
    for hit in found.hits:
        lines += [hit.title, f"  {hit.institution_name}", f"  {urljoin(url, hit.url)}", ""]
    if found.total > len(found.hits):
        lines.append(_("All of them: %(url)s") % {"url": found.address})
    lines += [
        "",
        "--",
        _("You get this because you asked for mail about this search. To get no more: %(url)s")
        % {"url": found.unsubscribe},
        _("All searches that you keep: %(url)s") % {"url": f"{url}/account"},
        "",
    ]
    values = {"found": found, "number": number, "url": url, "tag": TAGS[found.language]}
    return Letter(
        to=found.to,
        subject=subject % {"num": number, "search": found.search},
        text="\n".join(lines),
        html=drawn(found.language, "letters/digest.html", **values),
        language=TAGS[found.language],
        key=found.key,
        unsubscribe=found.unsubscribe,
    )
