"""Deep dives, digests, messages and exports, and the one place to ask for a number."""
