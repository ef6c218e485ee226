"""What the business tracks."""
