//! Hands the linker the scripts of esp-hal and of defmt.

fn main() {
    for argument in ["-Tlinkall.x", "-Tdefmt.x"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
