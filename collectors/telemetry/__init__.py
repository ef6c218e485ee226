"""Kinds of telemetry: where service metrics lie that no prediction log holds."""
