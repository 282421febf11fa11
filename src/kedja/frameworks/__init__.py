"""What learns, behind one face: fitting, answering, and writing files for serving. `registry` names them."""
