"""What do the counts show? E-processes and confidence sequences, valid at any look.

Every state is vectorised over leading axes (shape () for one rollout), so that simulations run
through the code that judges. Logarithms are natural; sums are integers, so merging is byte-equal.
"""
