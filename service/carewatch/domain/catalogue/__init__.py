"""The catalogue of computed metrics: one module per chapter, each a tuple `METRICS`."""
