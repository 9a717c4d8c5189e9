"""What goes into a step and what comes out: frozen values, no database, no network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.sandbox import Sandbox

Facts = dict[str, Any]  # JSON; each step documents its own keys


class MediaKind(StrEnum):
    """What a learner would call the thing. ``other`` is kept as an attachment and never opened."""

    VIDEO = "video"
    AUDIO = "audio"
    SLIDES = "slides"
    DOCUMENT = "document"
    TEXT = "text"
    IMAGE = "image"
    PACKAGE = "package"
    SUBTITLE = "subtitle"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Product:
    """A file that a step made. ``path`` is local; ``name`` is the tail of its address, e.g. ``hls/480p.m3u8``."""

    role: str
    name: str
    path: Path
    media_type: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A place in the thing: kind is cue, slide, page, section or chapter; seconds, or a page counted from 1."""

    kind: str
    text: str
    start: float | None = None
    end: float | None = None
    page: int | None = None
    heading: str = ""
    notes: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a step works with: its private folder, the sandbox, and a way to say how far it is (0 to 1).

    ``report`` raises Cancelled when the step must stop; long steps call it at least every few seconds.
    """

    scratch: Path
    sandbox: "Sandbox"
    report: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class StepInput:
    """The given file, what earlier steps found (by step name), and the products that the step declared to need."""

    source: Path
    name: str
    role: str = "source"
    facts: Mapping[str, Facts] = field(default_factory=dict)
    products: tuple[Product, ...] = ()


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What a step found and made. ``facts`` go to later steps and to the record."""

    facts: Facts = field(default_factory=dict)
    products: tuple[Product, ...] = ()
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the pipeline. Raising ``version`` marks older results outdated.

    ``after`` names the steps whose success it waits for; ``needs`` the roles of their products that are fetched for
    it. A failed ``essential`` step makes the resource failed, another one makes it partial. ``heavy`` steps have
    their own queue, so that a film never delays a leaflet.
    """

    name: str
    version: int
    run: Callable[[StepInput, Surroundings], StepOutput]
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    essential: bool = True
    heavy: bool = False
