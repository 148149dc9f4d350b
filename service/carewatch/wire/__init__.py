"""Domain <-> bytes: the topic catalogue and one codec per kind of record."""
