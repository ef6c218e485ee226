"""Where tickets are mirrored, one file a kind."""
