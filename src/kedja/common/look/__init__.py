"""The one look of every page: head, colours, style sheet, icon. Pages of the service link it, files hold it inside."""
