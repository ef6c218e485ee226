"""Sum prediction logs and ground truth up where they lie; only profiles leave this package."""
