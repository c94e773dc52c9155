"""How does a trace go on through davy? In its records' headers; off unless it is asked for.

A trace begins in the service that davy watches, and is sampled there. Davy makes one span per
flush, decision and change of weights to which a sampled trace led, and none besides: never one per
event. OpenTelemetry is imported where traces are wanted, and nowhere else.
"""
