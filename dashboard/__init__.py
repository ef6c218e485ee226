"""The pages: read the store, write what people do, ask for work through requests."""
