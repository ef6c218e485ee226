"""The peers of the bench: one script each, run in an environment of its own, on the same files.

Each takes the folder of a made log, does as much of the work as the peer has (quality, drift of every column
against the reference, performance on the joined labels; by day where it knows days) and prints JSON.
`PACKAGES` of each script is what its environment holds.
"""
