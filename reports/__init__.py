"""Deep dives, digests, messages and exports: what is read outside the pages, and the one place to ask for a number."""
