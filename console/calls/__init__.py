"""Calls: their list, the page of each, and listening to them."""
