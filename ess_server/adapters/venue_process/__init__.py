"""Runs the venue process and speaks to it."""

from ess_server.adapters.venue_process.link import LinkTimes
from ess_server.adapters.venue_process.process import VenueProcess

__all__ = ["LinkTimes", "VenueProcess"]
