"""The personal fields that leave the installation only where they are asked for by name."""

CALLER = "caller"
DISCLOSABLE = (CALLER,)
"""In a vCon or a receipt."""
EVERYTHING = "all"
"""In a bundle, besides single fields by name."""
