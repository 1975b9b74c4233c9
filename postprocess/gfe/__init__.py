"""Results of gfe_hpc in Python.

    results    opens results.h5, rebuilds the decoder, decodes latents, writes decoder files
    layers     the layers of a decoder in NumPy
    figures    losses, reconstructions, latents, evaluations (gfe_plot.py)
    latents    maps, paths and random draws of latents (gfe_latents.py)
    collect    the tasks of a sweep in one table (gfe_collect.py)
    scaling    predictions for many ranks (gfe_scaling.py)
    style      colours and looks of the figures
    tables     Markdown tables
    command    what the commands share

Nothing is imported here, so that a command can say which package is missing.
"""
