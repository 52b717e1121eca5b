"""The processes that stay up: the web servers and the worker."""
