"""One client for many venues: what differs between them stands in a plan for each, and ``table`` lists the plans."""
