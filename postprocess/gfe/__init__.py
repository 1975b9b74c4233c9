"""Results of gfe_hpc in Python.

    results    opens results.h5, rebuilds the decoder, decodes latents, writes decoder files
    layers     the layers of a decoder in NumPy
    samples    stored samples with channels, axes and units; trajectories
    figures    losses, samples, latents, evaluations (gfe_plot.py): figures_samples, figures_latents
    latents    maps, paths and random draws of latents (gfe_latents.py)
    collect    the tasks of a sweep in one table (gfe_collect.py)
    compare    errors of runs beside those of POD (gfe_compare.py)
    scaling    predictions for many ranks (gfe_scaling.py)
    style      colours and style of the figures
    tables     Markdown tables
    command    what the commands share

Nothing is imported here, so that a command can say which package is missing.
"""
