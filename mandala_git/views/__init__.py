"""How things look: renderers of data that lower rooms return."""
