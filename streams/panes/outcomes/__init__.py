"""What came of the predictions of one source partition? Two logs folded as one.

Predictions and outcomes of a partition index are merged in the order in which brokers received
them, predictions first where the millisecond is the same. Outcomes meet the closings of the
predictions' panes in that order, so what is late is a pure function of both logs: neither the
speed of reading nor a restart leaves a trace. (Where the leaders of both partitions have clocks
that differ, so does the order; they must agree to half a second, which NTP keeps.)

`interleave.py` keeps the order, `rollout_join.py` joins for one rollout, `tally.py` adds what was
joined to cohorts, `fold.py` does it for all rollouts of a partition, `plan.py` says what is kept.
"""
