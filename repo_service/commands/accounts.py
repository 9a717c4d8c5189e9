"""``institution create``, ``user create``, ``key create``: what an operator sets up before people can work."""

import sys
from typing import Annotated

import typer

from repo_service.commands import console
from repo_service.commands.console import Json, one_of
from repo_service.policy import OPERATOR
from repo_service.services import accounts
from repo_service.vocab import INSTITUTION_KINDS, ROLES, SCOPES


def institution_create(
    slug: Annotated[str, typer.Option(help="网址中的短名 · short name in addresses")],
    name: Annotated[str, typer.Option(help="名称 · name")],
    kind: Annotated[str, typer.Option(callback=one_of(INSTITUTION_KINDS), help="机构类别 · kind of institution")],
    division: Annotated[str, typer.Option(help="十二位区划代码 · 12-digit division code")],
    as_json: Json = False,
) -> None:
    """新建机构 · create an institution."""
    with console.opened() as ctx:
        made = accounts.create_institution(ctx, OPERATOR, slug=slug, name=name, kind=kind, division=division)
    console.show({"id": made.id, "slug": made.slug}, f"{made.name}  {made.slug}  {made.id}", as_json=as_json)


def user_create(
    email: Annotated[str, typer.Option(help="邮箱 · e-mail address")],
    name: Annotated[str, typer.Option(help="姓名 · name")],
    role: Annotated[str, typer.Option(callback=one_of(ROLES), help="角色 · role")],
    institution: Annotated[str | None, typer.Option(help="所属机构短名 · slug of the institution")] = None,
    division: Annotated[str | None, typer.Option(help="所辖区划代码 · division code")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="从标准输入读密码 · read the password from standard input")
    ] = False,
    as_json: Json = False,
) -> None:
    """新建用户 · create a user."""
    password = _password(from_stdin=password_stdin)
    with console.opened() as ctx:
        made = accounts.create_user(
            ctx,
            OPERATOR,
            email=email,
            name=name,
            role=role,
            institution=institution,
            division=division,
            password=password,
        )
    console.show({"id": made.id, "email": made.email}, f"{made.name}  {made.email}  {made.id}", as_json=as_json)


def key_create(
    email: Annotated[str, typer.Option(help="用户邮箱 · e-mail address of the user")],
    scopes: Annotated[str, typer.Option(help="权限，逗号分隔 · scopes, separated by commas")],
    as_json: Json = False,
) -> None:
    """新建接口密钥，只显示一次 · create an API key, shown once."""
    wanted = tuple(scope.strip() for scope in scopes.split(",") if scope.strip())
    for scope in wanted:
        one_of(SCOPES)(scope)
    with console.opened() as ctx:
        key, plain = accounts.create_key(ctx, OPERATOR, email=email, scopes=wanted)
    console.show({"id": key.id, "key": plain, "scopes": list(key.scopes)}, plain, as_json=as_json)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("--password-stdin")
    return str(typer.prompt("密码 · password", hide_input=True, confirmation_prompt=True, err=True))
