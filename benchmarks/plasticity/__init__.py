"""``hatch run bench plasticity``: weights that change where neurons spike, kernel by kernel."""
