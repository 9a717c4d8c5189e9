"""HTTP/1.1 as uvicorn reads it, but for addresses of any length: what is too long of them is cut, not refused."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_PART = 8 * 1024  # bytes of one ``name=value``; a query is cut far below it, with a notice
LONGEST_QUERY = 48 * 1024  # the parser of addresses takes no more than 64 KiB in all
KEPT = 2 * 2**20  # bytes of an address that are looked at; those after them are let go as they come


def shortened(address: bytes) -> bytes:
    """An address whose query fits, each of its parts cut at its end, those that find no room left out."""
    path, mark, query = address.partition(b"?")
    if len(query) <= LONGEST_PART:
        return address
    room = LONGEST_QUERY
    parts: list[bytes] = []
    for part in query.split(b"&", LONGEST_QUERY):
        part = part[:LONGEST_PART]
        room -= len(part) + 1
        if room < 0:
            break
        parts.append(part)
    return path + mark + b"&".join(parts)


class Protocol(HttpToolsProtocol):
    """A connection. Somebody may paste a whole book into the search box: the head of it is searched for."""

    def on_url(self, url: bytes) -> None:
        """Called with each piece of the address as it arrives."""
        super().on_url(url[: max(0, KEPT - len(self.url))])

    def on_headers_complete(self) -> None:
        """Called when the request may begin."""
        self.url = shortened(self.url)
        super().on_headers_complete()
