"""The venue process and the paper venue: everything that speaks an exchange's own protocol."""
