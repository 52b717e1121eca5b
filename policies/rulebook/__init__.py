"""The operator's rules: read whole, or refused with every mistake in them named; and held against the law."""
