"""Adapters for agent frameworks, one module each. The client itself needs none of the frameworks."""
