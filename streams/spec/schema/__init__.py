"""What may stand in a rollout's YAML? JSON Schema for editors, from the loader's own tables."""
