"""Models, one a file; `registry` names them."""
