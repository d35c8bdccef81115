"""Personal data out, typed placeholders in: forms with their checksums, names, and disguises."""
