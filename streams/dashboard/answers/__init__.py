"""How do answers look as JSON? Models only; `streams.dashboard.models` lists them."""
