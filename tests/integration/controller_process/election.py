"""What the test of the election and its candidates agree on."""

from datetime import timedelta

LEASE = timedelta(seconds=1)
