"""A bundle of events that an outsider can check without us."""
