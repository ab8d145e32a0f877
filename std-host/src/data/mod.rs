//! placeholder until helper delivers
use serde::{Deserialize, Serialize};
use std::path::Path;
/// k
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind { /// d
 Digits, /// m
 Mnist }
/// s
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split { /// d
 Train, /// m
 Test }
/// d
#[derive(Debug)]
pub struct Dataset { /// c
 pub channels: usize, /// h
 pub height: usize, /// w
 pub width: usize, /// p
 pub pixels: Vec<u8>, /// l
 pub labels: Option<Vec<u8>>, /// c
 pub classes: usize }
impl Dataset {
/// l
pub fn len(&self)->usize{ self.pixels.len()/(self.channels*self.height*self.width).max(1)}
/// e
pub fn is_empty(&self)->bool{self.len()==0}
/// i
pub fn image(&self,i:usize)->Option<&[u8]>{ let l=self.channels*self.height*self.width; self.pixels.get(i*l..(i+1)*l)}
}
/// l
pub fn load(_k: Kind, dir: &Path, s: Split) -> crate::error::Result<Dataset> {
  let n = match s { Split::Train=>"train", Split::Test=>"t10k" };
  let d = if dir.as_os_str().is_empty() { Path::new("/tmp/data") } else {dir};
  let px = std::fs::read(d.join(format!("mnist/{n}-images-idx3-ubyte"))).map_err(|e| crate::error::Error::io("read", d, e))?;
  let lb = std::fs::read(d.join(format!("mnist/{n}-labels-idx1-ubyte"))).map_err(|e| crate::error::Error::io("read", d, e))?;
  Ok(Dataset{channels:1,height:28,width:28,pixels:px[16..].to_vec(),labels:Some(lb[8..].to_vec()),classes:10})
}
