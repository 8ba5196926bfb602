import os
from collections import Counter

from hypothesis import HealthCheck, settings

# Compiled code under sanitizers is an order of magnitude slower; fewer examples do there.
settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile(
    "sanitize", max_examples=6, deadline=None, suppress_health_check=list(HealthCheck)
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items):
    """Under sanitizers, keep every sixth case of tests of more than a dozen cases."""
    if PROFILE != "sanitize":
        return
    of_test = Counter(item.nodeid.partition("[")[0] for item in items)
    seen = Counter()
    kept = []
    for item in items:
        name = item.nodeid.partition("[")[0]
        if of_test[name] <= 12 or seen[name] % 6 == 0:
            kept.append(item)
        seen[name] += 1
    items[:] = kept
