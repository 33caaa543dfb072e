"""Everything that is kept between runs."""
