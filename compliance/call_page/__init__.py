"""The page of one call as values: its facts, its strip, why it may be heard, its events, who listened, its words."""
