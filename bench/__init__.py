"""What it costs and how well it detects, beside its peers or a physical floor, in one run."""
