"""How a process tells how it is: a small HTTP server, who may ask it, and signs of life."""
