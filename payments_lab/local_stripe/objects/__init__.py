"""The resources of the API, one module each: their shapes, and what each call does to them."""
