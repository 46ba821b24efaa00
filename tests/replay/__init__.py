"""Recorded data through the evaluators."""
