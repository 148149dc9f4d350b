"""What the processors wrote, as the oracle finds it in the topics."""

import json

from carewatch.processors.base import Output
from carewatch.verify.found import RESULTS, Found
from carewatch.wire import topics


def read(written: list[Output]) -> Found:
    """Everything that was written, taken in order."""
    found = Found()
    for one in written:
        if one.topic == topics.DEAD:
            found.take_dead({name: text.decode() for name, text in one.headers})
        elif one.topic in RESULTS:
            key = None if one.key is None else one.key.decode()
            found.take(one.topic, key, None if one.value is None else json.loads(one.value))
    return found
