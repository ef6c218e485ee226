"""Channels and the sender: how messages leave the house."""
