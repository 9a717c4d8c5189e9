"""The pages: drawn on the server, working without scripts for reading and searching."""
