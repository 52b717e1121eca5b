"""The actions of console and command line for the people who answer for a call: explain, prove, hold, export, erase."""
