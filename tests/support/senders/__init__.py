"""One provider per channel, found by the channel's name."""
