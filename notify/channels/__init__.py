"""Kinds of channels, one file each."""
