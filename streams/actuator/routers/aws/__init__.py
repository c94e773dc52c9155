"""Routers for weights that AWS keeps; boto3 (`davy[aws]`) is imported at the first call."""
