"""``python -m ess_server.venue``: started by the server, spoken to over stdin and stdout.

With ``examine`` it only looks, and ends.
"""

import sys

if sys.argv[1:] == ["examine"]:
    from ess_server.venue.examining_process import main
else:
    from ess_server.venue.process import main

main()
