"""How far a column or the score is from the reference."""
