"""The program: settings, one installation put together, its processes, its commands, self-test and demonstration."""
