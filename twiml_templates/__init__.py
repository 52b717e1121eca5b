"""What Twilio is told: one XML file per action."""
