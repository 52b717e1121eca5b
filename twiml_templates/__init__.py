"""TwiML documents: one XML file per action."""
