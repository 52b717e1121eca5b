"""The law of each place, as one versioned pack, and how it reads for the two ends of a call."""
