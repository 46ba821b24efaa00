"""The operators' own tools against a real server; run by ``make test-tools``, which builds them."""
