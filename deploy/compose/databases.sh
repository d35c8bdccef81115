#!/bin/bash
# PostgreSQL runs this once, on an empty folder: a database and its owner for each who keeps one, and
# a second of MLflow's for its accounts.
set -euo pipefail

make() { # owner, password, databases
  psql --username postgres --set ON_ERROR_STOP=1 --set owner="$1" --set password="$2" <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'password';
SQL
  for database in "${@:3}"; do
    createdb --username postgres --owner "$1" "$database"
  done
}

make prefect "$PREFECT_DATABASE_PASSWORD" prefect
make mlflow "$MLFLOW_DATABASE_PASSWORD" mlflow accounts
make ledger "$LEDGER_DATABASE_PASSWORD" ledger
