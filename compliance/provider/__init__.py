"""The telephone provider's account of calls, held against ours."""
