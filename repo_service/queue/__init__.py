"""The job queue port and its backends."""
