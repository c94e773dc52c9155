"""What befell each user first? Where routing is sticky, users are counted, not requests.

`UnitLedger` (`ledger.py`) knows of one rollout on one source partition which units it has seen,
which have erred, how slow each has been at worst, and which arm served it last. Panes close in
order, and a pane is counted when it closes, against what the closed panes before it have left
behind: so an error in a later pane never hides one in an earlier pane that arrives after it.

What a unit has met counts whichever arm served it then. Weights rise, users move to the candidate,
and were they taken as new there, those prone to errors would be new too, while the baseline had
rid itself of its own: the same model would be rolled back.

A unit is told by a 64-bit number: among n units two share one with probability n^2 / 2^65, 3e-8 at
a million. All requests of a unit must come to one source partition, so the records' key is the
unit; the SDK sees to it.

Memory: 32 to 64 bytes a unit (a hash table of 16-byte slots, at most half full), in `cells` 16 to
48 (`stored.py`). A rollout that meets more than `max_units` in a source partition is no longer
counted right, and says so (`lost`).
"""
