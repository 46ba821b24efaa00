"""The gRPC face, over real connections."""
