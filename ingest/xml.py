"""The one reader of XML: no entities, no network, no document type, bounded size and depth."""

from lxml import etree

from ingest.errors import IngestError

MAX_BYTES = 32 * 2**20


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
