"""Whitening, local contrast and scaling: what they refuse, and what large numbers become."""

import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from wta_learn import LocalContrast, UnitAverageNorm, WTAAutoencoder, WTARBM, ZCA


@pytest.fixture
def images():
    return np.random.default_rng(5).normal(size=(30, 2, 8, 6)).astype(np.float32)


def test_local_contrast_of_large_numbers_does_not_depend_on_their_scale(images):
    step = LocalContrast(window=5).fit(images)
    expected = step.transform(images * np.float32(1e12))
    assert np.abs(expected).max() > 0.1
    for scale in (1e18, 1e30, 6e37):
        np.testing.assert_allclose(step.transform(images * np.float32(scale)), expected, atol=1e-4)
    uniform = np.full((1, 1, 9, 9), 3e38, dtype=np.float32)
    np.testing.assert_allclose(LocalContrast(window=5).fit_transform(uniform), 0, atol=1e-5)


@pytest.mark.parametrize("step", [ZCA(), ZCA(patch_size=3), LocalContrast(window=3)])
def test_images_of_another_shape_are_refused(step, images):
    step.fit(images)
    for other in (images.transpose(0, 1, 3, 2), images.reshape(30, 1, 16, 6), images.reshape(30, 2, 48)):
        with pytest.raises(ValueError, match="was fitted on"):
            step.transform(other)
    with pytest.raises(ValueError, match="features"):
        step.transform(images[:, :, :4])
    rows = step.transform(images.reshape(30, -1))
    np.testing.assert_array_equal(rows, step.transform(images).reshape(30, -1))


def test_only_samples_of_the_same_width_come_back_from_whitening(images):
    zca = ZCA().fit(images)
    np.testing.assert_allclose(zca.inverse_transform(zca.transform(images)), images, atol=1e-2)
    with pytest.raises(ValueError, match="features"):
        zca.inverse_transform(images[:, :1])
    with pytest.raises(ValueError, match="features"):
        zca.inverse_transform(images.reshape(30, -1)[:, :5])
    with pytest.raises(ValueError, match="was fitted on"):
        zca.inverse_transform(images.transpose(0, 1, 3, 2))


@pytest.mark.parametrize("step", [ZCA(), LocalContrast(window=3)])
def test_data_frames_are_for_rows_of_a_matrix(step, images):
    pytest.importorskip("pandas")
    step.set_output(transform="pandas")
    with pytest.raises(ValueError, match=r"set_output\(transform='pandas'\) is for rows"):
        step.fit(images).transform(images)
    step.set_params(sample_shape=(2, 8, 6))
    frame = step.fit(images.reshape(30, -1)).transform(images.reshape(30, -1))
    assert type(frame).__name__ == "DataFrame" and frame.shape == (30, 96)
    encoder = WTAAutoencoder(4, epochs=1).set_output(transform="pandas")
    assert encoder.fit_transform(images).shape == (30, 4)


def test_numbers_that_grow_too_large_are_told(images):
    far = np.concatenate([np.full((20, 3), -3e38), np.full((1, 3), 3e38)]).astype(np.float32)
    with pytest.raises(ValueError, match="too far apart for WTARBM"):
        WTARBM(3, epochs=1).fit(far)
    with pytest.raises(ValueError, match="too large for ZCA"):
        ZCA().fit(images[:, 0, 0, :3] - np.float32(3e38)).transform(-far)
    zca = ZCA().fit(images * 100)
    with pytest.raises(ValueError, match="too large to come back"):
        zca.inverse_transform(np.full((1, 96), 3e38))


def test_one_scale_is_found_for_large_and_small_numbers():
    X = np.array([[3, 4], [0, 15]], dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scale in (1e-30, 1.0, 1e30):
            scaled = UnitAverageNorm().fit_transform(X * np.float32(scale))
            assert np.isclose(np.linalg.norm(scaled, axis=1).mean(), 1.0)
        with pytest.raises(ValueError, match="too large for UnitAverageNorm"):
            UnitAverageNorm().fit(X.astype(np.float64) * 1e300)
        with pytest.raises(ValueError, match="too small for UnitAverageNorm"):
            UnitAverageNorm().fit(np.full((3, 2), 1e-44, dtype=np.float32))
        make_pipeline(UnitAverageNorm()).fit(np.zeros((3, 2)))
