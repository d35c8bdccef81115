"""The release ledger: who serves, who said so and since when, in rows that nobody changes."""
