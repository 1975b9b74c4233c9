"""The paper's experiment on Fashion-MNIST: its dense decoder, its settings, the authors' solver."""

LAYERS = [{"dense": 150, "activation": "elu"}, {"dense": 300, "activation": "elu"},
          {"dense": 600, "activation": "elu"}, {"dense": 784}]

# In the order of the file; each test says where its data are.
SETTINGS = {
    "data.scale": 255,
    "decoder.latent": 20,
    "decoder.layers": LAYERS,
    "decoder.loss": "bce",
    "encoding.solver": "lbfgs",
    "encoding.tolerance": 1e-4,
    "encoding.max_iterations": 20,
    "training.epochs": 1,
    "training.batch": 20,
    "training.order": "file",
    "training.optimiser": "adam",
    "training.learning_rate": 2e-3,
    "evaluation.start": "zero",
    "evaluation.tolerance": 1e-5,
    "evaluation.max_iterations": 100,
    "evaluation.every": 0,
}
TEST_COUNT = 256  # images, the first ones

RMSPROP = {"training.optimiser": "rmsprop", "training.learning_rate": 5e-4}

# The authors' parameters: one step size for a batch, run to tau = 1e4 or until the mean slope of
# the last five losses is below 1e-5.
AUTHORS = {
    **RMSPROP,
    "encoding.solver": "amd",
    "encoding.coupling": "batch",
    "encoding.time": "mean",
    "encoding.tau": 1e4,
    "encoding.slope": 1e-5,
    "encoding.h0": 1,
    "encoding.h_min": 1,
    "encoding.h_max": 10,
    "encoding.growth": 1.1,
    "encoding.shrink": 0.5,
    "encoding.armijo": 1e-5,
    "encoding.max_reductions": 20,
    "encoding.max_iterations": 2000,
    "evaluation.max_iterations": 2000,
}
