"""A real Kafka on this machine, and the demo that runs everything under one parent."""
