"""A router: which models it is between, what tokens cost, how it is judged and released."""
