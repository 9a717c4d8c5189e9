"""Every code that can reach a person has its sentence in both languages, and every sentence a code that can come."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import CODES
from repo_service import errors
from repo_service.web.messages import ALL, sentence
from tests.docs.render import ROOT

CODE = re.compile(r"[a-z]+(_[a-z0-9]+)*")


def calls() -> Iterator[tuple[Path, ast.Call]]:
    """Every call in the program."""
    for package in ("repo_service", "ingest"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield path, node


def refusals() -> set[str]:
    """Codes by which the services refuse: of the error classes, and of those made with ``code=``."""
    classes = {str(cls.code) for cls in vars(errors).values() if isinstance(cls, type) and hasattr(cls, "code")}
    named = {
        str(keyword.value.value)
        for path, call in calls()
        if "repo_service" in path.parts and _name(call) in vars(errors)
        for keyword in call.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }
    return classes | named


def failures(*packages: str) -> set[str]:
    """Codes by which steps fail, as these packages name them."""
    return {
        str(call.args[0].value)
        for path, call in calls()
        if path.relative_to(ROOT).parts[0] in packages
        and _name(call) == "IngestError"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_refusal_has_a_sentence() -> None:
    assert refusals() - ALL.keys() == set()


def test_every_failure_of_a_step_is_in_the_table_and_has_a_sentence() -> None:
    assert failures("ingest") - CODES.keys() == set()
    assert (failures("ingest", "repo_service") | CODES.keys()) - ALL.keys() == set()


def test_sentences_are_there_in_both_languages() -> None:
    for code, english in ALL.items():
        facts = dict.fromkeys(re.findall(r"%\((\w+)\)", english), "…")
        chinese = sentence(code, "zh", **facts)
        assert CODE.fullmatch(code), code
        assert re.search(r"[\u4e00-\u9fff]", chinese), code
        assert not re.search(r"[\u4e00-\u9fff]", sentence(code, "en", **facts)), code


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
