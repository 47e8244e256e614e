"""What a test's spans, and its earlier runs, give away: findings, each with its reason and its spans."""
