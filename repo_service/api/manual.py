"""/docs: the API described on one page, drawn from the same OpenAPI document; no script, nothing from elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from repo_service.api.deps import PUBLIC_ROUTE
from repo_service.web.look import look_of
from repo_service.web.messages import ALL, sentence
from repo_service.web.view import page

router = APIRouter(dependencies=[PUBLIC_ROUTE], include_in_schema=False)
METHODS = ("get", "post", "patch", "put", "delete", "head", "options")
_WORDS = {
    "zh": {
        "title": "学海接口",
        "intro": "目录向其他系统开放：JSON 字段用下划线小写，时间为 RFC 3339（UTC），编号为 UUIDv7，地址相对本站。"
        "拒绝时按 RFC 9457 答复，错误代码不变。程序请带 Authorization: Bearer 密钥；文件经 tus 1.0 送到 /files/。",
        "machine": "机器可读的描述",
        "errors": "错误代码",
        "parameters": "参数",
        "name": "名称",
        "place": "位置",
        "meaning": "含义",
        "body": "请求体",
        "answers": "答复",
    },
    "en": {
        "title": "Xuehai API",
        "intro": "The catalogue is open to other systems: JSON is snake_case, times are RFC 3339 in UTC, ids UUIDv7, "
        "addresses are relative to this site. Refusals are RFC 9457 problems with stable codes. Programs send "
        "Authorization: Bearer KEY; files come by tus 1.0 at /files/.",
        "machine": "Machine-readable description",
        "errors": "Error codes",
        "parameters": "Parameters",
        "name": "Name",
        "place": "Place",
        "meaning": "Meaning",
        "body": "Body",
        "answers": "Answers",
    },
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    tag: str
    id: str
    method: str
    path: str
    says: str
    parameters: list[dict[str, Any]]
    body: str
    answers: str


@router.get("/docs")
def docs(request: Request) -> Response:
    """The API on one page."""
    schema: dict[str, Any] = request.app.openapi()
    locale = look_of(request).locale
    operations = sorted(_operations(schema), key=lambda one: one.tag)  # those of one tag keep their order
    return page(
        request,
        "docs.html",
        words=_WORDS[locale],
        openapi=schema["openapi"],
        groups=[(tag, list(group)) for tag, group in groupby(operations, key=lambda one: one.tag)],
        codes=[(code, sentence(code, locale)) for code in sorted(ALL)],
    )


def _operations(schema: dict[str, Any]) -> Iterator[Operation]:
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            said = item[method]
            content = said.get("requestBody", {}).get("content", {})
            names = [_name(one.get("schema", {})) for one in content.values()]
            answers = [f"{status} {one.get('description', '')}" for status, one in said["responses"].items()]
            yield Operation(
                tag=next(iter(said.get("tags", ())), ""),
                id=said["operationId"],
                method=method.upper(),
                path=path,
                says=said.get("description", ""),
                parameters=said.get("parameters", []),
                body=", ".join(name for name in names if name),
                answers=", ".join(answers),
            )


def _name(schema: dict[str, Any]) -> str:
    """The name of a body's schema, where it has one."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    return next((_name(one) for one in schema.get("anyOf", ()) if "$ref" in one), "")
