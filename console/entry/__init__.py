"""How the staff come in and leave."""
