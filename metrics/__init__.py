"""Pure mathematics over profiles: what every metric means, and how it is computed."""
