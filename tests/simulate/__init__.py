"""A healthy installation, simulated before all five evaluators: none may stop it, and none may miss a fault."""
