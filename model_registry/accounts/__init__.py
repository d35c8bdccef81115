"""Accounts and roles on an MLflow server with logins: who may do what, and making it so."""
