"""How much a number of cases can tell: intervals of shares, and the least cases a gate needs."""
