"""Settings that every test shares."""

import os

from hypothesis import settings

# The same examples every time where a failure must be somebody's doing; new ones at home.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60, database=None)
settings.register_profile("home", deadline=None, max_examples=60)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "home"))
