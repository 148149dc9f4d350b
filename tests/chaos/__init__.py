"""Chaos: faults by the dozen under live traffic, and a verdict on every number afterwards."""
