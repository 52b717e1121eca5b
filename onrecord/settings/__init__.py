"""The settings of one installation, and the files they name."""
