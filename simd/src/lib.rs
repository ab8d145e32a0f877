//! s
#![no_std]
