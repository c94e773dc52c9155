"""What will a rollout be able to show, and how soon? Said before it begins, by simulation.

The evidence is the judge's own, many seeded streams side by side; no Kafka, no clock, and the dice
are an argument.
"""
