"""The real latch, records and gate under random use, crashes and failing disks."""
