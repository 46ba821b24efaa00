"""Seeded runs of the flatten against paper venues that misbehave, judged by the venues' own books."""
