"""Drawing a page: templates, words in the reader's language, and the values that every template has."""

import gettext
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale as BabelLocale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from repo_service.web import covers
from repo_service.web.look import CATALOGUES, LOCALES, Locale, Look, address, look_of, remember

FOLDER = Path(__file__).parent
DOMAIN = "messages"
CHINA = timezone(timedelta(hours=8))  # one zone, no summer time


def page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """A whole page, or a part of one for htmx, in the look that the reader asked for."""
    look = look_of(request)
    html = _environment(look.locale).get_template(template).render(
        look=look, request=request, here=lambda **changes: address(request, **changes), **values
    )
    response = HTMLResponse(html, status, headers=dict(headers or {}))
    response.headers["Vary"] = "Cookie"
    response.headers["Content-Language"] = look.tag
    remember(request, response)
    return response


@cache
def translations(locale: Locale) -> gettext.NullTranslations:
    """The catalogue of a language; English is what the sources are written in."""
    return gettext.translation(DOMAIN, FOLDER / "locales", [CATALOGUES[locale]], fallback=locale == "en")


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
    words = _Words(locale)
    env.filters |= {
        "clock": clock,
        "span": words.span,
        "day": words.day,
        "month": words.month,
        "moment": words.moment,
        "number": words.number,
        "filesize": words.filesize,
    }
    env.globals |= {"static": static, "drawn_cover": covers.address, "locales": LOCALES}
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


class _Words:
    """Numbers, dates and lengths in one language."""

    def __init__(self, locale: Locale) -> None:
        self._locale = BabelLocale.parse(CATALOGUES[locale])
        self._gettext = translations(locale).gettext

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self._locale)

    def day(self, value: datetime) -> str:
        return format_date(value.astimezone(CHINA), "long", locale=self._locale)

    def month(self, value: datetime) -> str:
        return f"{value.astimezone(CHINA):%Y-%m}"

    def moment(self, value: datetime) -> str:
        return format_datetime(value.astimezone(CHINA), "medium", locale=self._locale)

    def span(self, seconds: float) -> str:
        """A length in words: 12 分 40 秒."""
        _ = self._gettext
        minutes, rest = divmod(round(seconds), 60)
        if minutes >= 60:
            return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}
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


def text_of(look: Look, message: str, **facts: object) -> str:
    """A message of the catalogue in the reader's language, with its facts filled in."""
    found = translations(look.locale).gettext(message)
    return found % facts if facts else found
