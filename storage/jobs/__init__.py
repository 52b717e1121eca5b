"""Durable jobs. The contract is in `storage.jobs.contract`."""

ENGINE_LOGGER = "dbos"  # nothing outside this package names the engine
