//! tmp
/// t
pub struct Progress;
impl Progress {
/// t
pub fn new(_q: bool)->Self{Self}
/// t
pub fn phase(&self,_n:&str,_t:u64){}
/// t
pub fn inc(&self,_n:u64){}
/// t
pub fn message(&self,_n:&str){}
/// t
pub fn epoch(&self,n:&str){eprintln!("{n}")}
/// t
pub fn finish(&self){}
}
