"""The one reader of XML: no entities, no network, no document type, bounded size and depth."""

from collections.abc import Iterable
from typing import Any

from lxml import etree

from ingest.errors import IngestError

MAX_BYTES = 32 * 2**20
MAX_PROLOG = 8 * 2**20


def parse(data: bytes, *, limit: int = MAX_BYTES) -> etree._Element:
    """The root element. Raises IngestError xml_too_large, xml_unreadable or xml_forbidden.

    libxml2 itself refuses more than 256 levels and texts above 10 MB (``huge_tree`` is off).
    """
    if len(data) > limit:
        raise IngestError("xml_too_large", f"{len(data)} bytes, at most {limit} are read")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        code = "xml_forbidden" if "entit" in str(error).lower() else "xml_unreadable"
        raise IngestError(code, str(error)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise IngestError("xml_forbidden", "a document type is declared")
    return root


def declares_type(pieces: Iterable[bytes], *, limit: int = MAX_PROLOG) -> bool | None:
    """Whether a document type stands before the root element, behind whatever else may stand there.

    Nothing after the root's start tag is read. None when neither is found: what comes first is no XML, or is too long.
    """
    prolog: Any = _Prolog()  # what lxml calls a target has a type in its stubs alone
    parser = etree.XMLParser(target=prolog, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    fed = 0
    try:
        for piece in pieces:
            fed += len(piece)
            if fed > limit:
                return None
            parser.feed(piece)
        parser.close()
    except _Told as told:
        return told.declared
    except etree.XMLSyntaxError:
        return None
    return None


class _Told(Exception):
    """The prolog is over, and it is known whether a document type is declared in it."""

    def __init__(self, declared: bool) -> None:
        super().__init__()
        self.declared = declared


class _Prolog:
    """What the parser tells of a prolog; comments and processing instructions pass by."""

    def doctype(self, *_: object) -> None:
        raise _Told(True)

    def start(self, *_: object) -> None:
        raise _Told(False)

    def close(self) -> None:
        return
