"""The whole product in one minute: a crash, a stop, a kill in the middle, and a reset, all on real parts."""
