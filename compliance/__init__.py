"""What console and command line both do for the people who answer for a call: explain, prove, hold, export, erase."""
