"""Realistic traffic, deterministic from a seed, with a statement of what it must count to.

`stories` tells conversations, `web`, `chatwoot` and `whatsapp` write them as those providers would,
`traffic` puts them on one timeline, `sending` delivers them. Nothing here imports the domain: the
manifest is an independent opinion of what is right.
"""
