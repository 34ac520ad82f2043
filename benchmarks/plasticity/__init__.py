"""``hatch run bench plasticity``: weight updates by spikes, kernel by kernel."""
