"""A bundle behind an address: settings, predictor, batching, schemas, app, web page."""
