"""The rules: consent, jurisdiction, wording, retention, lifecycle. Pure: values in, values out."""
