"""RFC 3339 text <-> milliseconds, for the rooms that speak in bytes."""

from carewatch.domain.times import format_time, parse_time

__all__ = ["format_time", "parse_time"]
