//! Recipes: what is accepted survives being written and read, and is resolved for shapes or refused.

use std::path::Path;

use wta::{Shape, recipe};

use super::rules::sentence;

/// Shapes that recipes are for, and odd ones.
const SHAPES: [Shape; 7] = [
    Shape { channels: 1, height: 28, width: 28 },
    Shape { channels: 3, height: 32, width: 32 },
    Shape { channels: 1, height: 1, width: 1 },
    Shape { channels: 2, height: 1, width: 100 },
    Shape { channels: 7, height: 5, width: 3 },
    Shape { channels: 1, height: 0, width: 4 },
    Shape { channels: 3, height: 1 << 20, width: 1 << 20 },
];

/// Numbers of samples.
const SAMPLES: [usize; 4] = [0, 10, 60_000, usize::MAX];

/// Reads a recipe as a file, and tries all that follows from it and the shape of samples.
pub fn run(bytes: &[u8]) -> bool {
    let read = recipe::read(bytes, Path::new("fuzz.toml"));
    if let Ok(text) = std::str::from_utf8(bytes) {
        // A byte order mark aside, a text is read as its file is.
        match (recipe::parse(text, "fuzz.toml"), &read) {
            (Ok(parsed), Ok(read)) => assert!(parsed == *read),
            (Err(error), _) => sentence(&error),
            (Ok(_), Err(error)) => panic!("a text is a recipe, and its file is none: {error}"),
        }
    }
    let recipe = match read {
        Ok(recipe) => recipe,
        Err(error) => {
            sentence(&error);
            return false;
        }
    };
    recipe.check().unwrap();
    let text = recipe.to_toml().unwrap();
    let again = recipe::parse(&text, "again").unwrap();
    assert!(again == recipe, "{text}");
    assert!(recipe.differences(&again).is_empty());
    assert_eq!(again.to_toml().unwrap(), text);
    for shape in SHAPES {
        if let Err(error) = recipe.check_images(shape) {
            sentence(&error);
        }
        match recipe.resolve(shape) {
            Err(error) => sentence(&error),
            Ok(resolved) => {
                for samples in SAMPLES {
                    match resolved.training(samples) {
                        Err(error) => sentence(&error),
                        Ok(config) => config.check(&resolved.network()).unwrap(),
                    }
                }
                assert_eq!(resolved.layers().len(), recipe.layers().len());
            }
        }
    }
    true
}

/// The recipes of the program, and one with tables that they do not have.
pub fn seeds() -> Vec<Vec<u8>> {
    let own = "name = 'x'\nabout = 'y'\nbelow = 'natural-conv64'\n\
        data = { set = 'images', folder = 'x', size = [40, 30], on_error = 'skip' }\n\
        preprocess = [{ step = 'contrast' }, { step = 'zca', regulariser = 0.1 }]\n\
        network = { kind = 'convolutional', encoder = [{ maps = 8, kernel = 3 }], decoder_kernel = 3, \
        initial = 'he' }\nsparsity = { lifetime = 0.1, grid = 2 }\ncorruption = { input = 0.1 }\n\
        training = { epochs = 1, batch = 10, optimizer = 'adam', rate = 1e-3, clip_inputs = [-3, 3] }\n\
        features = { pool = { kernel = 3, stride = 2, whole = true }, root = true }\n[large]\nstride = 4\n";
    let signals = "name = 'x'\nabout = 'x'\n\
        data = { set = 'signals', recordings = 'x', window = 6, step = 3 }\n\
        network = { kind = 'fully-connected', units = [2], initial = 'he' }\nsparsity = {}\n\
        training = { epochs = 1, batch = 1, optimizer = 'adam', rate = 1e-3 }";
    let array = "name = 'x'\nabout = 'x'\ndata = { set = 'array', train = 'a.npy', layout = 'nchw' }\n\
        network = { kind = 'rbm', hidden = 3, gibbs_steps = 1, initial = { normal = 0.1 } }\nsparsity = {}\n\
        training = { epochs = 2, batch = 4, optimizer = { sgd = { momentum = 0.5 } }, rate = 1e-3 }";
    let built_in = recipe::names().into_iter().filter_map(recipe::text);
    built_in.chain([own, signals, array]).map(|text| text.as_bytes().to_vec()).collect()
}
