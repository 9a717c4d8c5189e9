"""The services under test: the real ones, or a copy of them in which one line was deliberately broken."""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from repo_service import services

REAL = "repo_service.services"
SOURCES = Path(next(iter(services.__path__)))


@dataclass(frozen=True)
class Core:
    """The modules of one copy of the services."""

    package: str = REAL

    def __getattr__(self, name: str) -> Any:
        return importlib.import_module(f"{self.package}.{name}")


@dataclass(frozen=True)
class Mutation:
    """A fault put into the source: in ``module`` each text is replaced by another; it must be there exactly once."""

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]


def broken(mutation: Mutation) -> Core:
    """A copy of all services with this one change; the real ones stay as they are."""
    package = f"broken_{mutation.name}"
    if package not in sys.modules:
        top = ModuleType(package)
        top.__path__ = []
        sys.modules[package] = top
        sys.meta_path.append(_Finder(package, mutation))
    return Core(package)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, package: str, mutation: Mutation) -> None:
        self._package, self._mutation = package, mutation

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        if package != self._package or not (SOURCES / f"{name}.py").is_file():
            return None
        loader = _Loader(name, self._package, self._mutation)
        return importlib.machinery.ModuleSpec(fullname, loader)


class _Loader(importlib.abc.Loader):
    def __init__(self, name: str, package: str, mutation: Mutation) -> None:
        self._name, self._package, self._mutation = name, package, mutation

    def exec_module(self, module: ModuleType) -> None:
        text = (SOURCES / f"{self._name}.py").read_text(encoding="utf-8")
        for old, new in self._mutation.changes if self._name == self._mutation.module else ():
            assert text.count(old) == 1, f"{self._mutation.name}: not once in the source: {old}"
            text = text.replace(old, new)
        exec(compile(text.replace(REAL, self._package), f"{self._package}/{self._name}.py", "exec"), module.__dict__)
