"""Incidents that others had, each as a test of ours that is named after it, with its number and what happened.

Every test goes through what an outsider reaches: the applications of both web servers, the command line, or the hosts
that we ask.
"""
