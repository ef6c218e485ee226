"""How the service answers."""
