"""The front door: command line, jobs, processes; the only place that wires and that reads the clock."""

__version__ = "0.1.0"
