"""The schema's history. `run.upgrade` brings a database to the newest revision."""
