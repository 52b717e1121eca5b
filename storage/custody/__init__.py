"""What becomes of a recording between Twilio's copy and its end: intake, access, holds, destruction, erasure."""
