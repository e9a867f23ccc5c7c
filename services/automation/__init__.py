"""The automation plane: when this happens, if that holds, do these, exactly once in effect."""
