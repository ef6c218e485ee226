"""The simulated call centre: its story, its people, its model, and the replay through the real pipeline."""
