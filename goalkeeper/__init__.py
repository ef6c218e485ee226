"""The front door: the command line, the jobs, the processes. The only place that wires and reads the clock."""

__version__ = "0.1.0"
