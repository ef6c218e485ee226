"""Whether the data is what it should be."""
