"""The whole service against the simulated telephone, and the check of its promises from outside."""
