"""What is kept between runs, under ``.nplus1_cache/`` at the project's root."""
