"""Documents in, answers out, on any engine. Knows neither the catalogue nor ingest."""
