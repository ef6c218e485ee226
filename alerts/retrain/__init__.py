"""How a new version is made, one file a kind."""
