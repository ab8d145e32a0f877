//! The recipes that are compiled into the library: name and TOML.

/// The recipes compiled into the program: name and TOML.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("digits-demo", include_str!("../../recipes/digits-demo.toml")),
    ("mnist-fc1000", include_str!("../../recipes/mnist-fc1000.toml")),
    ("mnist-fc2000", include_str!("../../recipes/mnist-fc2000.toml")),
    ("mnist-fc-stacked", include_str!("../../recipes/mnist-fc-stacked.toml")),
    ("mnist-dropout-ae", include_str!("../../recipes/mnist-dropout-ae.toml")),
    ("mnist-ksparse", include_str!("../../recipes/mnist-ksparse.toml")),
    ("mnist-rbm", include_str!("../../recipes/mnist-rbm.toml")),
    ("mnist-wta-rbm", include_str!("../../recipes/mnist-wta-rbm.toml")),
    ("mnist-conv16", include_str!("../../recipes/mnist-conv16.toml")),
    ("mnist-conv-dropout", include_str!("../../recipes/mnist-conv-dropout.toml")),
    ("mnist-conv64x3", include_str!("../../recipes/mnist-conv64x3.toml")),
    ("mnist-conv128", include_str!("../../recipes/mnist-conv128.toml")),
    ("mnist-conv-stacked", include_str!("../../recipes/mnist-conv-stacked.toml")),
    ("mnist-conv16-stacked", include_str!("../../recipes/mnist-conv16-stacked.toml")),
    ("cifar10-conv64", include_str!("../../recipes/cifar10-conv64.toml")),
    ("cifar10-conv256", include_str!("../../recipes/cifar10-conv256.toml")),
    ("cifar10-stacked", include_str!("../../recipes/cifar10-stacked.toml")),
    ("cifar10-deep", include_str!("../../recipes/cifar10-deep.toml")),
    ("svhn-conv64", include_str!("../../recipes/svhn-conv64.toml")),
    ("svhn-conv256", include_str!("../../recipes/svhn-conv256.toml")),
    ("svhn-stacked", include_str!("../../recipes/svhn-stacked.toml")),
    ("faces-conv64", include_str!("../../recipes/faces-conv64.toml")),
    ("faces-fc256", include_str!("../../recipes/faces-fc256.toml")),
    ("natural-conv64", include_str!("../../recipes/natural-conv64.toml")),
    ("natural-stacked", include_str!("../../recipes/natural-stacked.toml")),
];

/// The TOML of a compiled-in recipe, with its comments.
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of the compiled-in recipes.
pub fn names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).collect()
}
