"""Having others hold what the log signs, and holding the log against what they hold."""
