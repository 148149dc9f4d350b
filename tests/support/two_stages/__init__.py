"""A small pipeline of two stages that has every difficulty of the real one, and its oracle."""
