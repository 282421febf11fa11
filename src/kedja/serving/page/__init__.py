"""The web page and the documentation page: plain HTML, CSS and JavaScript, and nothing from elsewhere."""
