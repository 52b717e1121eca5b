"""The staff's web pages."""
