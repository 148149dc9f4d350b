"""One pure module per channel: how to verify a request, how to parse it into drafts."""
