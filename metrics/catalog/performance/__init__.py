"""How right the model is, where the labels are known."""
