"""All that opens a connection to others, S3 apart: Twilio's REST API, witnesses, time stamp authorities, the identity
provider.
"""
