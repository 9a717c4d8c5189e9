"""A search as the parameters of its address."""

from collections.abc import Iterable, Mapping


def parameters(q: str, filters: Mapping[str, Iterable[str]], *, exact: bool) -> list[tuple[str, str]]:
    """The words, each value of each filter, and whether nothing is respelled."""
    chosen = ((name, value) for name, values in filters.items() for value in values)
    return [("q", q), *chosen, *([("exact", "true")] if exact else [])]
