"""What must have come of a scenario? Counted again from the topics, one event at a time.

Nothing here is shared with the worker but the schemas, the sketches that hold counts, and the
judge's pure functions: lateness, repetitions, panes, slices, pairs, cohorts, merging and cuts are
told once more, in plain words.
"""
