"""From a recipe to finished outputs: inputs → graph → plan → tasks → executor → receipts → manifests."""
