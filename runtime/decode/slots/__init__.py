"""Which sequence a request gets, and how its cache comes to the fixed part of the prompt."""
