"""Rules, alerts, incidents and tickets: what is judged, and what is asked for."""
