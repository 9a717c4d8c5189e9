"""Rules of the catalogue as plain functions; the first argument is the Context."""
