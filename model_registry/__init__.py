"""The MLflow registry: candidates, signatures, dossiers, gates, promotion and rollback."""
