"""Documents found by a question: chunks, vectors and words in an index, searched and evaluated."""
