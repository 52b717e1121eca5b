"""Twilio's side of the line: a phone that obeys TwiML, signed webhooks, the REST API, faults on demand."""
