"""`paddock doctor`: what is right with machine, home and servers, what is not, and what to do."""
