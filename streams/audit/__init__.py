"""Can a stranger believe this rollout's record? The chain checked link by link, and told."""
