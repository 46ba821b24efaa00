"""OKX's REST API, version 5: linear USDT swaps of one trading account."""
