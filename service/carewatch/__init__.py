"""carewatch: live customer-care metrics, computed exactly once from a log of message events."""

__version__ = "0.1.0"
