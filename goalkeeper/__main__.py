"""Let `python -m goalkeeper` be the command line."""

from goalkeeper.cli import main

main()
