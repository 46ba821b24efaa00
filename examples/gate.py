"""An engine's gate in five lines. It allows only while the server proves that nothing is stopped."""

from ess_client import OrderGate

with OrderGate("127.0.0.1:50051", subscriber_id="example") as gate:
    gate.wait_ready(timeout=5)
    verdict = gate.check("account/main", "symbol/BTC/USDT:USDT")
    print("order allowed" if verdict else f"order denied: {verdict.reason} ({verdict.detail})")
