"""Bytes to facts and back: framing, schema stores, Avro, columnar decode, dead letters.

Importing this package or `schemas`, `framing`, `reasons`, `store` and `codec` needs the light
dependencies only; `registry`, `columns` and `outcome_columns` need the server extra.
"""
