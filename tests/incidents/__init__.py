"""Incidents that others had, each as a test of ours that is named after it.

| what happened | module | numbers |
|---|---|---|
| data lay open, a header or a body was trusted, logs told too much | test_both_servers | 1, 2, 12, 17, 20 |
| another's calls, hidden accounts, parameters and strings that ran | test_console | 5, 6, 9, 10, 24 |
| objects and formulas in what is read and written | test_imports_and_exports | 11, 23 |
| open buckets, guessed names, foreign addresses, lost recordings | test_storage_and_egress | 3, 4, 7, 8, 18, 19, 22 |
| replays, missing tokens, callers without a number, orders | test_webhooks | 13, 14, 15, 16, 21 |

Every test goes through what an outsider reaches: the applications of both web servers, the command line, or the hosts
that we ask.
"""
