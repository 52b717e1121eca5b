"""The self-test: calls that nobody makes go through the real webhooks."""
