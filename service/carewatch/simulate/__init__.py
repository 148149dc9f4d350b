"""Seeded, realistic provider traffic with valid signatures, and what it must add up to."""
