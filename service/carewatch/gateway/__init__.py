"""HTTP in: receives webhooks, verifies, pseudonymises, publishes to `care.events`."""
