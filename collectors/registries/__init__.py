"""Kinds of model registry: where a version's training data and metrics are known."""
