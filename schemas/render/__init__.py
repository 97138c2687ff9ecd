"""What is rendered from the definitions: DDL, gate, dictionary, templates."""
