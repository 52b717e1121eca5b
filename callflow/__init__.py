"""The phone side: webhooks, callbacks, signature, TwiML, Twilio REST, settings, command line."""
