"""What became of a rollout, for someone who was not there? One page, and the same for programs.

Everything follows from the log, so the same log gives the same bytes.
"""
