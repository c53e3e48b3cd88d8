"""A 1x1 convolution that widens, its batch normalisation and ReLU6 as one pass over what they make.

Layer by layer, the normalisation behind the convolution with which an inverted residual widens its bottleneck sixfold
goes over that large tensor three times forward and three times back, waiting for memory: more than a quarter of a whole
step. But the convolution is linear, so the mean and the variance of what comes out follow from the mean m and the
covariance S of the few channels that go in: with a kernel K [in, out] they are K'm and the diagonal of K'SK. So the
normalisation becomes factors of the kernel and a bias. The gradients are those of the same formulas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.methods.pointwise import as_planes, is_pointwise, matrix, pixels

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.graph import Graph

WIDENS = 4  # times as many channels out as in, from which on a covariance costs less than it saves


def normalisation_of(graph: Graph, layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """The normalisation that learns, between an expansion and a ReLU6 that alone reads it; None of other layers."""
    import tf_keras as keras

    norm = graph.normalisation_of(layer)
    if norm is None or not is_pointwise(layer):
        return None
    widens = layer.kernel.shape[3] >= WIDENS * layer.kernel.shape[2]
    linear = layer.activation is keras.activations.linear and not layer.use_bias
    learns = norm.trainable and norm.center and norm.scale and list(norm.axis) == [3]
    match graph.readers[norm.name]:
        case [keras.layers.ReLU() as relu] if relu.max_value == 6 and not relu.threshold and not relu.negative_slope:
            return norm if widens and linear and learns else None
    return None


def expansion(
    x: tf.Tensor, kernel: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """ReLU6 of the normalised 1x1 convolution of a batch, with its gradients.

    Args:
        x: [N, H, W, in].
        kernel: [1, 1, in, out].
        gamma: [out] of the normalisation.
        beta: [out], too.
        epsilon: that joins its variances.

    Returns:
        [N, H, W, out], and without gradients the convolution's mean and unbiased variance [out] over the batch.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def compute(x: tf.Tensor, kernel: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        mean = tf.reduce_mean(x, (0, 1, 2))
        rows, plain = pixels(x - mean), matrix(kernel)
        count = tf.cast(tf.shape(rows)[0], x.dtype)
        covaried = tf.matmul(tf.matmul(rows, rows, transpose_a=True) / count, plain)
        variance = tf.nn.relu(tf.reduce_sum(plain * covaried, 0))
        inverse = tf.math.rsqrt(variance + epsilon)
        scale = gamma * inverse
        scaled = plain * scale
        y = tf.nn.relu6(tf.nn.bias_add(tf.matmul(rows, scaled), beta))

        def gradients(change: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, ...]:
            change = tf.raw_ops.Relu6Grad(gradients=pixels(change), features=y)
            d_beta = tf.raw_ops.BiasAddGrad(out_backprop=change)
            d_scaled = tf.matmul(rows, change, transpose_a=True)
            d_scale = tf.reduce_sum(plain * d_scaled, 0)
            d_variance = d_scale * gamma * inverse**3 * -0.5
            d_kernel = d_scaled * scale + 2 * covaried * d_variance
            d_covariance = tf.matmul(plain * (d_variance * (2 / count)), plain, transpose_b=True)
            d_mean = tf.linalg.matvec(scaled, d_beta) / -count
            d_rows = tf.matmul(change, scaled, transpose_b=True) + tf.nn.bias_add(tf.matmul(rows, d_covariance), d_mean)
            return as_planes(d_rows, x), tf.reshape(d_kernel, kernel.shape), d_scale * inverse, d_beta

        unbiased = variance * (count / tf.maximum(count - 1, 1))
        return (as_planes(y, x), tf.linalg.matvec(plain, mean, transpose_a=True), unbiased), gradients

    found: tuple[tf.Tensor, tf.Tensor, tf.Tensor] = compute(x, kernel, gamma, beta)
    return found
