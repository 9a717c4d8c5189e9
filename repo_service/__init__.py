"""The application: catalogue, API, pages, command line, worker."""
