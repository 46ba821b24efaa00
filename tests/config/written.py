"""Configuration files to test with: the example, the tables that most of them have, and one written to disk."""

from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "ess.toml"

ACCOUNT = """[[accounts]]
id = "main"
venue = "binance"
exchange = "binanceusdm"
api_key_env = "KEY"
secret_env = "SECRET"
"""
DRAWDOWN = """[[evaluators]]
kind = "drawdown"
account = "main"
max_drawdown_percent = 8
"""


def written(folder: Path, text: str) -> Path:
    """Write a configuration file."""
    path = folder / "ess.toml"
    path.write_text(text)
    return path
