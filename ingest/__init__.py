"""File in; facts, text and playable products out. Knows neither the catalogue nor the search index."""
