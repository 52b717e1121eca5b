"""The pages on which each of the staff keeps their own account."""
