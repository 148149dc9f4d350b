"""The built-in wall page."""
