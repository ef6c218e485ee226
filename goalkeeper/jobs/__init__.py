"""The jobs of a pass: collect → compute → evaluate → deliver, and the requests of the pages."""
