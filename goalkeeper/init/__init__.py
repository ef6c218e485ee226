"""Write a goalkeeper.yaml, from a sample of a log where there is one."""

from goalkeeper.init.adding import add_model
from goalkeeper.init.guess import Proposal, propose
from goalkeeper.init.render import render

__all__ = ["Proposal", "add_model", "propose", "render"]
