"""How the cases of the sets that ship are made: stated templates, facts and lists; no chance."""
