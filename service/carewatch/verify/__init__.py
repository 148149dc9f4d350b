"""The independent oracle (it imports nothing from domain, processors or wire)."""
