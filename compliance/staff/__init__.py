"""The staff of an installation, for the command line and the console: accounts, what they sign in with, sessions."""
