"""What Binance's spot and USD-M dialects share: security, parameters, limits, and the way of one call."""
