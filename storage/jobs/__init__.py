"""Durable jobs. Their promises stand in `storage.jobs.contract`."""

ENGINE_LOGGER = "dbos"  # nothing outside this package names the engine
