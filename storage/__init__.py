"""What is kept: tables, consent log, audio stores, sealing, audio work, durable jobs."""
