"""The object store port and its backends."""
