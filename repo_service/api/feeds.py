"""What machines look for at fixed addresses: sitemaps, robots, Atom, OpenSearch, manifest, security contact."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from lxml import etree
from starlette.responses import JSONResponse, PlainTextResponse, Response

from repo_service.api.answers import UUID, Cursor, matches, opaque_tag, problems
from repo_service.api.deps import PUBLIC_ROUTE, Ctx, Lang
from repo_service.api.finding import Exact, Words, search_request
from repo_service.context import Context
from repo_service.models import Resource
from repo_service.policy import ANONYMOUS
from repo_service.services import directory, publicity
from repo_service.services.addresses import parameters
from repo_service.services.indexing import search as find
from repo_service.services.indexing import suggest as complete
from repo_service.services.saved import said
from search.errors import SearchUnavailable

router = APIRouter(tags=["publicity"], dependencies=[PUBLIC_ROUTE])
ATOM = "http://www.w3.org/2005/Atom"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
OPENSEARCH = "http://a9.com/-/spec/opensearch/1.1/"
Responses = dict[int | str, dict[str, Any]]
FEED_LENGTH = 30
MANY = 20_000  # a sitemap may have 50,000 addresses
_XML: Responses = {200: {"content": {"application/xml": {}}}}
_ATOM: Responses = {200: {"content": {"application/atom+xml": {}}}}
_OPENSEARCH: Responses = {200: {"content": {"application/opensearchdescription+xml": {}}}}
_NOT_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_NAMES = {"zh": ("学海", "学海 · 开放课程资源库"), "en": ("Xuehai", "Xuehai · open course repository")}


class Suggestions(JSONResponse):
    """The form of completions that browsers expect."""

    media_type = "application/x-suggestions+json"


class Manifest(JSONResponse):
    """A web application manifest."""

    media_type = "application/manifest+json"


@router.get("/robots.txt", response_class=PlainTextResponse)
def robots(ctx: Ctx) -> PlainTextResponse:
    """Everything may be read; what changes with each visitor need not be."""
    lines = ["User-agent: *", "Allow: /", *(f"Disallow: {path}" for path in publicity.PRIVATE)]
    return PlainTextResponse("\n".join([*lines, "", f"Sitemap: {ctx.settings.public_url}/sitemap.xml", ""]))


@router.get("/sitemap.xml", response_class=Response, responses=_XML)
def sitemap_index(request: Request, ctx: Ctx) -> Response:
    """The index of sitemaps: one of pages, and one for each ten thousand resources."""
    root = etree.Element(f"{{{SITEMAP}}}sitemapindex", nsmap={None: SITEMAP})
    for path in ("/sitemaps/pages.xml", *(f"/sitemaps/resources.xml?after={one}" for one in publicity.starts(ctx))):
        entry = etree.SubElement(root, f"{{{SITEMAP}}}sitemap")
        etree.SubElement(entry, f"{{{SITEMAP}}}loc").text = ctx.settings.public_url + path
    return _xml(request, root, "application/xml")


@router.get("/sitemaps/pages.xml", response_class=Response, responses=_XML)
def sitemap_pages(request: Request, ctx: Ctx) -> Response:
    """Pages that are no resources: the fixed ones, institutions, collections."""
    addresses = [(path, "") for path in publicity.PAGES]
    addresses += [(one.url, "") for one in directory.institutions(ctx, limit=MANY).items]
    addresses += [(f"/collections/{identity}", at.isoformat()) for identity, at in publicity.collections(ctx, MANY)]
    return _xml(request, _urlset(ctx, addresses), "application/xml")


@router.get("/sitemaps/resources.xml", response_class=Response, responses=_XML | problems())
def sitemap_resources(
    request: Request, ctx: Ctx, after: Annotated[str, Query(pattern=f"{UUID}|^$", description="As the index says")] = ""
) -> Response:
    """The next ten thousand published resources."""
    rows = publicity.published_after(ctx, after)
    addresses = [(f"/resources/{identity}", at.isoformat()) for identity, at in rows]
    return _xml(request, _urlset(ctx, addresses), "application/xml")


@router.get("/feed.atom", response_class=Response, responses=_ATOM)
def newest(request: Request, ctx: Ctx, lang: Lang) -> Response:
    """What was published last."""
    return _feed(request, ctx, lang, publicity.newest(ctx, FEED_LENGTH), _About("", "/"))


@router.get("/search/feed.atom", response_class=Response, responses=_ATOM | problems())
def found(
    request: Request, ctx: Ctx, lang: Lang, q: Words = "", exact: Exact = False, cursor: Cursor = None
) -> Response:
    """A search as a feed, the newest first; takes the filters of `/api/v1/search`. 503 while the engine is away."""
    asked = search_request(request, q=q, sort="newest", cursor=cursor, limit=FEED_LENGTH, locale=lang, exact=exact)
    page = find(ctx, ANONYMOUS, asked)
    if page.degraded:
        raise SearchUnavailable("a feed is kept by others: better none than half of one")
    resources = publicity.by_ids(ctx, [hit.id for hit in page.hits])
    asked_for = [pair for pair in parameters(asked.q, asked.filters, exact=asked.exact) if pair[1]]
    about = _About(said(ctx, asked_for, lang), f"/search?{urlencode(asked_for)}")
    return _feed(request, ctx, lang, resources, about, page.next_cursor)


@router.get("/opensearch.xml", response_class=Response, responses=_OPENSEARCH)
def opensearch(request: Request, ctx: Ctx, lang: Lang) -> Response:
    """Lets a browser search here."""
    short, long = _NAMES[lang]
    root = etree.Element(f"{{{OPENSEARCH}}}OpenSearchDescription", nsmap={None: OPENSEARCH})
    for name, text in (("ShortName", short), ("Description", long), ("InputEncoding", "UTF-8")):
        etree.SubElement(root, f"{{{OPENSEARCH}}}{name}").text = text
    for media_type, path in (
        ("text/html", "/search?q={searchTerms}"),
        ("application/atom+xml", "/search/feed.atom?q={searchTerms}"),
        ("application/x-suggestions+json", "/opensearch/suggest?q={searchTerms}"),
    ):
        etree.SubElement(
            root, f"{{{OPENSEARCH}}}Url", type=media_type, template=ctx.settings.public_url + path, method="get"
        )
    return _xml(request, root, "application/opensearchdescription+xml")


@router.get("/opensearch/suggest", response_class=Suggestions, responses=problems())
def opensearch_suggest(ctx: Ctx, q: Words = "") -> Response:
    """Completions in the form that browsers expect."""
    texts = [one.text for one in complete(ctx, q)]
    return Suggestions([q, texts])


@router.get("/.well-known/security.txt", response_class=PlainTextResponse)
def security(ctx: Ctx) -> PlainTextResponse:
    """Whom to tell about a hole (RFC 9116)."""
    url = ctx.settings.public_url
    expires = (ctx.clock() + timedelta(days=180)).strftime("%Y-%m-%dT00:00:00Z")
    lines = [
        f"Contact: {url}/about",
        f"Expires: {expires}",
        "Preferred-Languages: zh, en",
        f"Canonical: {url}/.well-known/security.txt",
        "",
    ]
    return PlainTextResponse("\n".join(lines))


@router.get("/manifest.webmanifest", response_class=Manifest)
def manifest(lang: Lang) -> Response:
    """What a phone needs to put the site on its home screen."""
    short, long = _NAMES[lang]
    body = {
        "name": long,
        "short_name": short,
        "lang": "en" if lang == "en" else "zh-Hans",
        "start_url": "/",
        "scope": "/",
        "display": "minimal-ui",
        "background_color": "#faf8f4",
        "theme_color": "#17546f",
        "icons": [{"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml"}],
    }
    return Manifest(body)


class _About(NamedTuple):
    """What a feed is of, in words, and the page that shows the same."""

    said: str
    page: str


def _feed(
    request: Request, ctx: Context, lang: str, resources: Sequence[Resource], about: _About, cursor: str | None = None
) -> Response:
    """Atom (RFC 4287) with a link to the next page (RFC 5005)."""
    url = ctx.settings.public_url
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    mark = "：" if lang == "zh" else ": "
    _say(root, "title", f"{_NAMES[lang][0]}{mark}{about.said}" if about.said else _NAMES[lang][1])
    _say(root, "id", f"{url}{request.url.path}?{request.url.query}".removesuffix("?"))
    _say(root, "updated", _moment(max((one.updated_at for one in resources), default=ctx.clock())))
    _link(root, "self", f"{url}{request.url.path}?{request.url.query}".removesuffix("?"))
    _link(root, "alternate", url + about.page)
    if cursor is not None:
        following = request.url.include_query_params(cursor=cursor)
        _link(root, "next", f"{url}{following.path}?{following.query}")
    for resource in resources:
        _entry(root, url, resource)
    return _xml(request, root, "application/atom+xml")


def _entry(root: etree._Element, url: str, resource: Resource) -> None:
    entry = etree.SubElement(root, f"{{{ATOM}}}entry")
    _say(entry, "title", resource.title)
    _say(entry, "id", f"urn:uuid:{resource.id}")
    _link(entry, "alternate", f"{url}/resources/{resource.id}")
    _say(entry, "updated", _moment(resource.updated_at))
    if resource.published_at is not None:
        _say(entry, "published", _moment(resource.published_at))
    for name in resource.creators or [resource.institution.name]:
        _say(etree.SubElement(entry, f"{{{ATOM}}}author"), "name", name)
    for term in (*resource.kinds, *resource.subjects):
        etree.SubElement(entry, f"{{{ATOM}}}category", term=_text(term))
    _say(entry, "summary", resource.description[:1000])


def _urlset(ctx: Context, addresses: Iterable[tuple[str, str]]) -> etree._Element:
    root = etree.Element(f"{{{SITEMAP}}}urlset", nsmap={None: SITEMAP})
    for path, changed in addresses:
        entry = etree.SubElement(root, f"{{{SITEMAP}}}url")
        etree.SubElement(entry, f"{{{SITEMAP}}}loc").text = ctx.settings.public_url + path
        if changed:
            etree.SubElement(entry, f"{{{SITEMAP}}}lastmod").text = changed
    return root


def _xml(request: Request, root: etree._Element, media_type: str) -> Response:
    body = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    headers = {"ETag": opaque_tag(body), "Cache-Control": "public, max-age=60", "Vary": "Accept-Language"}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _say(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}{name}").text = _text(text)


def _link(parent: etree._Element, rel: str, address: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}link", rel=rel, href=address)


def _text(text: str) -> str:
    """Text without what XML 1.0 cannot carry; titles taken from file names may hold anything."""
    return _NOT_XML.sub("", text)


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
