"""Settings of all Python tests."""

import signal

from hypothesis import settings

# The same examples on every run and machine, however slow it is; nothing is left behind in the working directory.
settings.register_profile("hogvec", derandomize=True, deadline=None, database=None)
settings.load_profile("hogvec")

# A shell's background job ignores Ctrl-C, and so would the processes that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
