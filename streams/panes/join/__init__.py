"""Which prediction does an outcome belong to? The index of one rollout on one source partition.

`JoinIndex` (`index.py`) takes exposures and outcomes as columns and gives joined columns back.

Ids are 64-bit hashes (`streams.wire.request_hash`), not keyed: the only enemy reckoned with is
somebody who sends equal ids, and those are what the index is about. Among n exposures held two ids
share a hash with probability n^2 / 2^65: 1.1e-5 at 20 million. Then both are one request: the
outcomes of both go to the one exposed first, the second of them as a duplicate or conflict. An
outcome without any prediction finds one with probability n / 2^64.

Which exposure: the earliest pane that holds the id, and in it the first in the log, if it was no
later than the outcome plus `early_ms`. Exposures are found once their pane is closed; outcomes that
come sooner wait until the watermark has passed the last pane that could bring their prediction.
So which of two topics is read first leaves no trace, as long as nothing is dropped: dropping
follows the watermark of the predictions alone (pane end + window + declared delivery delay).

One outcome per exposure and metric: the first in the log of outcomes wins. What became of every
outcome is counted (`Fate`); nothing is raised for what others send.

Memory, exactly: 16 bytes an exposure (hash and packed fields), 2 a metric, and at most 1/2 for the
directory that finds a hash in a run. Expired panes are dropped with the run they lie in, at most an
eighth of the time held: so at most 20.8 bytes per pending prediction with one metric, 23.1 with
two, and while panes merge a second copy of the runs being merged (an eighth at most).
"""
