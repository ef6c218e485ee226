"""Kinds of sources: a file each, the port in base.py."""
