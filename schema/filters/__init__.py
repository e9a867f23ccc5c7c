"""The one filter tree: parsed from JSON or text, compiled to a Python closure and to SQL."""
