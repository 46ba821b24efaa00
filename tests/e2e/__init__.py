"""Real processes: started, killed, frozen."""
