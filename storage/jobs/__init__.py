"""Durable jobs: asked for in the transaction of their reason, done by any worker, step by step."""
