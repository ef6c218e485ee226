"""One file a command; each registers itself with the command line."""
