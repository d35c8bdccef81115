"""`paddock up`: a Prefect server, an MLflow server and a worker on this machine."""
