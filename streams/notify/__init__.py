"""Who hears of what happens to a rollout: transitions, and hooks that are told of them."""
