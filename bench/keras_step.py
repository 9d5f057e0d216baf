"""Keras training steps of DIYModel as tf.function, or compiled by XLA. A number on stdin makes so many steps, reads the last loss
and prints the seconds of a step.

keras_step.py BATCH_SIZE [xla] [mixed] [gpu]
"""
import os, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
if "gpu" not in sys.argv:
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import numpy as np, tensorflow as tf, keras
from keras import layers

if "mixed" in sys.argv:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")


class GeM(layers.Layer):
    def build(self, _):
        self.p = self.add_weight(shape=(1,), initializer=keras.initializers.Constant(3.0))

    def call(self, x):
        p = tf.clip_by_value(self.p, 1.0, 10.0)
        return tf.pow(tf.reduce_mean(tf.pow(tf.clip_by_value(x, 1e-6, 1e10), p), 1), 1 / p)


def block(filters, kernel):
    return [layers.Conv1D(filters, kernel, padding="same", kernel_initializer="he_normal"),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5), layers.Activation("silu"),
            layers.MaxPooling1D(4, 4, padding="same")]


shared = [layer for sizes in ((32, 64), (64, 32), (128, 16), (256, 8)) for layer in block(*sizes)] + [GeM(dtype="float32")]
signals = layers.Input((3, 4096))
features = []
for detector in range(3):
    h = layers.Lambda(lambda x, d=detector: x[:, d, :, None])(signals)
    for layer in shared:
        h = layer(h)
    features.append(h)
h = layers.Concatenate()(features)
for units in (256, 64):
    h = layers.Dense(units, kernel_initializer="he_normal")(h)
    h = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(h)
    h = layers.Dropout(0.5)(layers.Activation("silu")(h))
model = keras.Model(signals, layers.Dense(1, activation="sigmoid", dtype="float32")(h))
trainable = model.trainable_variables
assert sum(int(np.prod(v.shape)) for v in trainable) == 676258
optimizer = keras.optimizers.AdamW(1e-4, weight_decay=1e-4)
optimizer.build(trainable)
loss = keras.losses.BinaryCrossentropy()


@tf.function(jit_compile="xla" in sys.argv)
def step(x, y):
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=True))
    optimizer.apply_gradients(zip(tape.gradient(value, trainable), trainable))
    return value


batch = int(sys.argv[1])
x = np.random.default_rng(0).normal(size=(batch, 3, 4096)).astype(np.float32)
y = (np.arange(batch) % 2).astype(np.float32)[:, None]
for line in sys.stdin:
    steps = int(line)
    start = time.perf_counter()
    for _ in range(steps):
        value = step(tf.constant(x), tf.constant(y))
    float(value)
    print((time.perf_counter() - start) / steps, flush=True)
