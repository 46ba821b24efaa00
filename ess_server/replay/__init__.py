"""Runs the configured evaluators over recorded data: what they would have stopped, and how close they came."""
