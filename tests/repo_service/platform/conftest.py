"""A small installation with something in it, as the tests of this folder need."""

from dataclasses import dataclass

import pytest

from repo_service.context import Context
from tests import support

LESSON = "# 焊接安全\n\n焊接前先检查气瓶，戴好面罩。\n\n# 气瓶\n\n气瓶离火源五米以上。\n".encode()


@dataclass(frozen=True, slots=True)
class Stocked:
    """A published resource whose every step is done, in an installation that is well."""

    ctx: Context
    resource_id: str


@pytest.fixture
def stocked(ctx: Context) -> Stocked:
    """One institution, one lesson, published and indexed."""
    return Stocked(ctx, support.deposit(ctx, support.institution(ctx), "焊接.md", LESSON))
