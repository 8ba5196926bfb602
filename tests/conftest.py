import os

from hypothesis import HealthCheck, settings

# Compiled code under sanitizers is an order of magnitude slower; fewer examples do there.
settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile(
    "sanitize", max_examples=12, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
