"""The metrics, one file each: <family>/<name>.py declares METRIC under the name <family>.<name>."""
