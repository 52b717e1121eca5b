"""The pages on which administrators keep the accounts of the staff."""
