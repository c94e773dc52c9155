"""How is a pane remembered? Mergeable integer sketches; the only mutable values of davy."""
