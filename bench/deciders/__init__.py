"""What the real packages decide on raw rows; each file runs in its peer's environment."""
