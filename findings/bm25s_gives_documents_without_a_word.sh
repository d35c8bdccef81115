#!/usr/bin/env bash
# bm25s returns as many documents as are asked for, also those that hold no word of the question.
#
# With: bm25s 0.3.16. A search engine's user takes what is returned for what was found; fused with
# another list by ranks, documents of score 0 count as much as those that were found.
# Seen: for a word that stands nowhere, two documents of score 0.
# Held by: tests/tasks/retrieval/test_index.py::test_words_that_no_document_has_score_nothing
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check bm25s==0.3.16

"$folder/venv/bin/python" - <<'PYTHON'
import bm25s

index = bm25s.BM25()
index.index(bm25s.tokenize(["a rope", "a tent", "boots"], show_progress=False), show_progress=False)
asked = bm25s.tokenize(["zyzzyva"], show_progress=False)
found = index.retrieve(asked, k=2, show_progress=False)
print(f"bm25s {bm25s.__version__}: {found.documents.tolist()} with scores {found.scores.tolist()}")
raise SystemExit(0 if found.scores.tolist() == [[0.0, 0.0]] else 1)
PYTHON
