"""How an engine fails, whatever engine it is."""


class SearchUnavailable(Exception):
    """The engine is away or refuses; the catalogue answers `degraded` and writes wait in the outbox."""


class SearchBroken(SearchUnavailable):
    """What the engine holds cannot be read: it has to be filled anew from the catalogue."""


class NotTheWriter(Exception):
    """This process only reads the embedded index; another one holds the writer's role."""
