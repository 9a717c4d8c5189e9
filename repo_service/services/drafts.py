"""What people may say about a resource: the fields of POST and PATCH with their limits, for API, pages and imports."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler

from repo_service import vocab


class OneOf:
    """Marks a string that must be one of the published words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """A plain enumeration, in JSON Schema too."""
        return handler.generate_schema(Literal[self.words])


def _unique(value: object) -> object:
    """Say nothing twice; the order of the first mention stays."""
    return list(dict.fromkeys(value)) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


# No control characters but tab and line breaks: neither database, XML feeds nor terminals want them.
TEXT = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F]*$"
LINE = r"^[^\x00-\x1F\x7F]*[^\x00-\x20\x7F\u00A0\u3000][^\x00-\x1F\x7F]*$"
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)]
Title = Annotated[str, Field(min_length=1, max_length=500, pattern=LINE)]
Lines = Annotated[list[Line], Field(max_length=50), BeforeValidator(_unique)]
Language = Annotated[
    str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$", description="BCP 47, `zh-Hans`")
]
Licence = Annotated[str, OneOf(*vocab.LICENCES), Field(description="SPDX, or `LicenseRef-audience`")]
Kinds = Annotated[list[Annotated[str, OneOf(*vocab.KINDS)]], Field(max_length=20), BeforeValidator(_unique)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./=+-]{0,59}$")]
Codes = Annotated[list[Code], Field(max_length=20, description="Subject codes"), BeforeValidator(_unique)]
Level = Annotated[str, OneOf("", *vocab.LEVELS)]
Year = Annotated[int, Field(ge=1000, le=2999)]
Slug = Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="Slug or id")]


class ResourceChanges(BaseModel):
    """The fields to change; what is not named stays as it is."""

    model_config = ConfigDict(extra="forbid")

    external_id: Line | None = None
    title: Title = ""
    description: str = Field("", max_length=20_000, pattern=TEXT)
    language: Language = "zh-Hans"
    licence: Licence = "CC-BY-4.0"
    kinds: Kinds = []
    degree: bool = False
    vocational: bool = False
    subjects: Codes = []
    keywords: Lines = []
    creators: Lines = []
    level: Level = ""
    year: Year | None = None
    text: str = Field("", max_length=1_000_000, pattern=TEXT, description="Full text of a record without a file")


class ResourceDraft(ResourceChanges):
    """A new record. ``institution`` is the slug of the one that gives it."""

    title: Title
    institution: Slug
