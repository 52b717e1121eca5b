"""The self-test: synthetic calls go through the real webhooks."""
