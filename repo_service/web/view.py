"""Drawing a page: templates, words in the reader's language, and the values that every template has."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from pathlib import Path
from typing import Any

from babel import Locale as BabelLocale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from repo_service.api import deps
from repo_service.policy import Actor, places
from repo_service.web import covers, messages, words
from repo_service.web.catalogue import translations
from repo_service.web.look import CATALOGUES, LOCALES, Locale, address, look_of, remember

FOLDER = Path(__file__).parent
PERSONAL = "private, no-store"  # the way back must not lead into what was somebody's once it has ended
CHINA = timezone(timedelta(hours=8))  # one zone, no summer time


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page, and which desks the head of the page leads to."""

    actor: Actor
    csrf: str
    works: bool
    reviews: bool
    curates: bool


def viewer_of(request: Request) -> Viewer:
    """Who asks, as the guard of the route found it; nobody where it did not get so far."""
    who: deps.Identity = getattr(request.state, "identity", deps.Identity())

    def holds(*actions: str) -> bool:
        return any(places(who.actor, action) != frozenset() for action in actions)

    return Viewer(
        actor=who.actor,
        csrf=who.csrf,
        works=holds("resource.create", "resource.edit"),
        reviews=holds("resource.decide", "resource.publish"),
        curates=holds("collection.edit"),
    )


def page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """A whole page, or a part of one for htmx, in the look that the reader asked for."""
    look = look_of(request)
    viewer = viewer_of(request)
    html = (
        _environment(look.locale)
        .get_template(template)
        .render(
            look=look,
            request=request,
            viewer=viewer,
            public_url=deps.context(request).settings.public_url,
            here=lambda **changes: address(request, **changes),
            **values,
        )
    )
    given = {"Vary": "Cookie"} | ({} if viewer.actor.anonymous else {"Cache-Control": PERSONAL}) | dict(headers or {})
    response = HTMLResponse(html, status, headers=given)
    response.headers["Content-Language"] = look.tag
    remember(request, response)
    return response


def drawn(locale: Locale, template: str, **values: Any) -> str:
    """A template outside of any request."""
    return _environment(locale).get_template(template).render(**values)


@cache
def _environment(locale: Locale) -> Environment:
    env = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_translations(translations(locale), newstyle=True)  # type: ignore[attr-defined]
    figures = _Figures(locale)
    env.filters |= {
        "clock": clock,
        "span": figures.span,
        "day": figures.day,
        "month": figures.month,
        "moment": figures.moment,
        "number": figures.number,
        "filesize": figures.filesize,
    }
    env.globals |= {
        "static": static,
        "drawn_cover": covers.address,
        "locales": LOCALES,
        "tone": words.tone,
        "short_licence": words.short_licence,
        "label": partial(words.word, locale),
        "options": lambda table, values: [(value, words.word(locale, table, value)) for value in values],
        "suggestion_kinds": {kind: words.word(locale, "suggestion", kind) for kind in words.SUGGESTION},
        "sentence": partial(messages.sentence, locale=locale),
    }
    return env


@cache
def _stamp() -> str:
    """A few letters that change with every build of the assets, to put them out of old caches."""
    path = FOLDER / "static" / "vendor" / ".stamp"
    return path.read_text()[:10] if path.is_file() else "unbuilt"


def static(name: str) -> str:
    """The address of a built asset."""
    return f"/static/vendor/{name}?v={_stamp()}"


def clock(seconds: float) -> str:
    """A moment or a length as a player shows it: 12:40, 1:02:03."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes:02}:{whole % 60:02}"


class _Figures:
    """Numbers, dates and lengths in one language."""

    def __init__(self, locale: Locale) -> None:
        self._locale = BabelLocale.parse(CATALOGUES[locale])
        self._gettext = translations(locale).gettext

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self._locale)

    def day(self, value: datetime) -> str:
        return format_date(value.astimezone(CHINA), "long", locale=self._locale)

    def month(self, value: datetime | str) -> str:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return f"{moment.astimezone(CHINA):%Y-%m}"

    def moment(self, value: datetime) -> str:
        return format_datetime(value.astimezone(CHINA), "medium", locale=self._locale)

    def span(self, seconds: float) -> str:
        """A length in words: 12 分 40 秒."""
        _ = self._gettext
        minutes, rest = divmod(round(seconds), 60)
        if minutes >= 60:
            return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}
        if minutes and not rest:
            return _("%(minutes)d min") % {"minutes": minutes}
        if minutes:
            return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
        return _("%(seconds)d s") % {"seconds": rest}

    def filesize(self, size: int) -> str:
        """A size as people read it, in steps of 1,024."""
        value, unit = float(size), "B"
        for larger in ("KB", "MB", "GB", "TB"):
            if value < 1024:
                break
            value, unit = value / 1024, larger
        return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
