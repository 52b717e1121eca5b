"""Telling people of incidents: what the installation's rulebook and settings name, put to work."""
