"""The doctor: looks for settings, at Twilio and here, that work against the promises."""
