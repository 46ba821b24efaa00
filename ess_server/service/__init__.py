"""The gRPC face: converts and calls, decides nothing."""
