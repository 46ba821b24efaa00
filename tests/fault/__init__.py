"""What an installation survives: `make fault`."""
