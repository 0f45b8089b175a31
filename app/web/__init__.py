"""The pages: server-rendered, no script from elsewhere, readable without script."""
