"""The types that cross borders between the packages; imports nothing of ours."""
