"""Everything that is stored, and all I/O: tables, consent log, audio stores, sealing, durable jobs."""
