"""What core computes, against dense NumPy: tables of cases, an independent model of each, and a check per transform."""
