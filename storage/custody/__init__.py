"""The life of a recording after the provider completed it: intake, access, destruction, erasure."""
