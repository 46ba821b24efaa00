"""Exchange dialects: routes, signatures, error codes and JSON shapes, one package each."""
