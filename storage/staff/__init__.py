"""The staff of an installation: accounts, and how they sign in."""
