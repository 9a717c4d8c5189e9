"""How a reader wants pages: language, view, size of type, keys. Asked for in the address, remembered in cookies."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

Locale = Literal["zh", "en"]
LOCALES: tuple[Locale, ...] = ("zh", "en")
CATALOGUES: dict[Locale, str] = {"zh": "zh_CN", "en": "en"}
TAGS: dict[Locale, str] = {"zh": "zh-Hans", "en": "en"}
VIEWS = ("standard", "elder")
SIZES = ("normal", "large", "largest")  # in the elder view body type is 20, 24 and 30 px
KEYS = ("on", "off")  # whether "/" leads to the search box: voices type letters, trembling hands hit keys (WCAG 2.1.4)
_YEAR = 365 * 86400
CHOICES: dict[str, tuple[str, ...]] = {"lang": LOCALES, "view": VIEWS, "size": SIZES, "keys": KEYS}


@dataclass(frozen=True, slots=True)
class Look:
    """What one page is drawn for."""

    locale: Locale = "zh"
    elder: bool = False
    size: str = "normal"
    keys: bool = True

    @property
    def tag(self) -> str:
        """The language as BCP 47."""
        return TAGS[self.locale]


def look_of(request: Request) -> Look:
    """What the address asks for, else what the cookies remember, else Chinese in the standard view."""
    chosen = {name: _choice(request, name, known) for name, known in CHOICES.items()}
    locale: Locale = "en" if chosen["lang"] == "en" else "zh"
    elder = chosen["view"] == "elder"
    size = chosen["size"] if elder else "normal"
    return Look(locale=locale, elder=elder, size=size, keys=chosen["keys"] == "on")


def remember(request: Request, response: Response) -> None:
    """Keep for a year what the address asked for."""
    for name, known in CHOICES.items():
        value = request.query_params.get(name)
        if value in known:
            secure = request.url.scheme == "https"
            response.set_cookie(name, value, max_age=_YEAR, samesite="lax", httponly=True, secure=secure)


CARRIED = 80  # parameters of an address that a page repeats in its links


def address(request: Request, **changes: str | None) -> str:
    """This page's address with some parameters changed; None takes one away. Choices of look are not carried on."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in changes and k not in CHOICES]
    pairs = kept[:CARRIED] + [(k, v) for k, v in changes.items() if v is not None]
    return f"{request.url.path}?{urlencode(pairs)}" if pairs else request.url.path


def _choice(request: Request, name: str, known: tuple[str, ...]) -> str:
    for given in (request.query_params.get(name), request.cookies.get(name)):
        if given in known:
            return given
    return known[0]
