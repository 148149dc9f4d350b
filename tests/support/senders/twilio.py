"""Twilio's signature: the URL and the sorted fields of the form, HMAC-SHA1, keyed by the token."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qs


def sign(body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
    del at
    text = url
    fields = parse_qs(body.decode("ascii", "replace"), keep_blank_values=True)
    for name in sorted(fields):
        for value in sorted(set(fields[name])):
            text += name + value
    digest = hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha1).digest()
    return {"x-twilio-signature": base64.b64encode(digest).decode()}
