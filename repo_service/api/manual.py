"""/docs: the API described on one page, drawn from the same OpenAPI document; no script, nothing from elsewhere."""

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from repo_service.api.deps import PUBLIC_ROUTE, Lang
from repo_service.web.messages import ALL, sentence
from repo_service.web.view import static

router = APIRouter(dependencies=[PUBLIC_ROUTE], include_in_schema=False)
METHODS = ("get", "post", "patch", "put", "delete", "head", "options")
_WORDS = {
    "zh": ("学海接口", "机器可读的描述", "错误代码", "请求体", "答复"),
    "en": ("Xuehai API", "Machine-readable description", "Error codes", "Body", "Answers"),
}


@router.get("/docs")
def docs(request: Request, lang: Lang) -> HTMLResponse:
    """The page."""
    schema: dict[str, Any] = request.app.openapi()
    title, machine, codes, _, _ = _WORDS[lang]
    tag = "en" if lang == "en" else "zh-Hans"
    operations = "".join(
        _operation(path, method, item[method], lang)
        for path, item in schema["paths"].items()
        for method in METHODS
        if method in item
    )
    errors = "".join(
        f'<dt id="{escape(code)}"><code>{escape(code)}</code></dt><dd>{escape(sentence(code, lang))}</dd>'
        for code in sorted(ALL)
    )
    return HTMLResponse(
        f'<!doctype html><html lang="{tag}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><link rel="stylesheet" href="{static("site.css")}"></head>'
        f'<body><main id="main"><div class="wrap"><h1>{title}</h1><p>{escape(schema["info"]["description"])}</p>'
        f'<p><a href="/openapi.json">{machine} (OpenAPI {escape(schema["openapi"])})</a></p>{operations}'
        f'<h2 id="errors">{codes}</h2><dl>{errors}</dl></div></main></body></html>',
        headers={"Content-Language": tag, "Vary": "Cookie, Accept-Language"},
    )


def _operation(path: str, method: str, operation: dict[str, Any], lang: str) -> str:
    """One operation: what it does, what it takes, what it answers."""
    _, _, _, body, answers = _WORDS[lang]
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", ())
    )
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    content = operation.get("requestBody", {}).get("content", {})
    names = [_name(one.get("schema", {})) for one in content.values()]
    takes = f"<p>{body}: <code>{escape(', '.join(filter(None, names)))}</code></p>" if any(names) else ""
    said = ", ".join(f"{status} {one.get('description', '')}" for status, one in operation["responses"].items())
    return (
        f'<section><h2 id="{escape(operation["operationId"])}"><code>{method.upper()} {escape(path)}</code></h2>'
        f"<p>{escape(operation.get('description', ''))}</p>{table}{takes}<p>{answers}: {escape(said)}</p></section>"
    )


def _name(schema: dict[str, Any]) -> str:
    """The name of a body's schema, where it has one."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    return next((_name(one) for one in schema.get("anyOf", ()) if "$ref" in one), "")
