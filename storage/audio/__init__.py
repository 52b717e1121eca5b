"""Audio as it is kept: stores, sealing, what a WAV is, and what is made from it."""
