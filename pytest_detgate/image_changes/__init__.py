"""Changes of images: small ones that a detector should not notice, and corruptions."""
