"""``make demo``: a policy protects, loses and recovers real data, every step proved."""
