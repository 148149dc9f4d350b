"""The board: folds `care.metrics` and serves /metrics and the JSON API."""
