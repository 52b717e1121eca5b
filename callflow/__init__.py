"""The phone: webhooks that play a disclosure, take the answer, and start or suppress recording."""
