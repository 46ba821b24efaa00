"""What a stop is and how one is latched, told, carried out and released. Standard library only."""
