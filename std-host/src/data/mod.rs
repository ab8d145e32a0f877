//! placeholder until helper delivers
use serde::{Deserialize, Serialize};
/// k
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// d
    Digits,
    /// m
    Mnist,
}
/// d
#[derive(Debug)]
pub struct Dataset {
    /// c
    pub channels: usize,
    /// h
    pub height: usize,
    /// w
    pub width: usize,
    /// p
    pub pixels: Vec<u8>,
    /// l
    pub labels: Option<Vec<u8>>,
    /// c
    pub classes: usize,
}
impl Dataset {
    /// l
    pub fn len(&self) -> usize {
        self.pixels.len() / (self.channels * self.height * self.width).max(1)
    }
    /// e
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// i
    pub fn image(&self, i: usize) -> Option<&[u8]> {
        let l = self.channels * self.height * self.width;
        self.pixels.get(i * l..(i + 1) * l)
    }
}
