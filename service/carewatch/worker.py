"""For `faust -A carewatch.worker worker -l info`: the one module whose import does something.

The folder of the configuration is CAREWATCH_CONFIG, else ./config. Nothing imports this module:
a second copy of the app would run without the first one knowing.
"""

from carewatch.bootstrap import wire_worker
from carewatch.settings import load_settings

app = wire_worker(load_settings(secrets="dead_letters"))
