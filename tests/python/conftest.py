"""Settings of all Python tests."""

from hypothesis import settings

# The same examples on every run and machine, however slow it is; nothing is left behind in the working directory.
settings.register_profile("hogvec", derandomize=True, deadline=None, database=None)
settings.load_profile("hogvec")
