"""Bytes to facts and back: framing, schema stores, Avro, columnar decode, dead letters.

Importing this package or `schemas`, `framing`, `reasons`, `store` and `codec` needs the light
dependencies only; `registry` and `columns` need the server extra.
"""
