"""The command line against real servers in processes of their own."""
