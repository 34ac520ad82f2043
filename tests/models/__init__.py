"""What core computes, compared with dense NumPy: tables of cases, an independent model, and a check per transform."""
