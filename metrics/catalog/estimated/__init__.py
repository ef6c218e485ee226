"""Performance as the scores promise it, before any label is known."""
