"""``python -m ess_server.venue``: started by the server, spoken to over stdin and stdout."""

from ess_server.venue.process import main

main()
