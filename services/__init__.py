"""Hold one package per plane, each a service with its own schema and role."""
