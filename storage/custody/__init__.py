"""What becomes of a recording between the provider's copy and its end: intake, access, holds, destruction, erasure."""
