"""``search``: the same answer as the API's, for people at a terminal and for scripts."""

from typing import Annotated

import typer
from rich.text import Text

from repo_service.commands import console
from repo_service.commands.console import Json
from repo_service.policy import ANONYMOUS
from repo_service.services import indexing


def search(
    query: Annotated[str, typer.Argument(help="要找的词 · words to look for")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="最多几条 · at most so many")] = 20,
    as_json: Json = False,
) -> None:
    """检索已公开的资源 · search what is published."""
    with console.opened() as ctx:
        page = indexing.search(ctx, ANONYMOUS, indexing.SearchRequest(q=query, limit=limit))
    text = Text(f"{page.total} 条 · hits\n")
    for hit in page.hits:
        text.append(f"{hit.title}", style="bold").append(f"  {hit.id}\n")
        for passage in hit.passages:
            text.append(f"    {passage.url}  {passage.text[:80]}\n", style="dim")
    console.show(page.model_dump(mode="json"), text, as_json=as_json)
