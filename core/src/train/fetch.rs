//! The images of a batch for a trainer that reads them one at a time: in order, and by their number.

use core::marker::PhantomData;

/// A batch whose images are read one after the other, or by their number.
pub(crate) trait Fetch {
    /// Begins again with the first image.
    fn restart(&mut self);

    /// The next image; `None` behind the last.
    fn next(&mut self) -> Option<&[f32]>;

    /// Image `index` of the batch; [`Fetch::next`] may then go on anywhere until the next restart.
    fn nth(&mut self, index: usize) -> Option<&[f32]>;
}

/// Images that lie in memory.
pub(crate) struct InPlace<'i, I> {
    images: I,
    rest: I,
    memory: PhantomData<&'i [f32]>,
}

impl<'i, I: Iterator<Item = &'i [f32]> + Clone> InPlace<'i, I> {
    pub(crate) fn new(images: I) -> Self {
        Self { rest: images.clone(), images, memory: PhantomData }
    }
}

impl<'i, I: Iterator<Item = &'i [f32]> + Clone> Fetch for InPlace<'i, I> {
    fn restart(&mut self) {
        self.rest = self.images.clone();
    }

    fn next(&mut self) -> Option<&[f32]> {
        self.rest.next()
    }

    fn nth(&mut self, index: usize) -> Option<&[f32]> {
        self.images.clone().nth(index)
    }
}

/// Images that a function writes to one and the same buffer.
pub(crate) struct Written<'b, F> {
    count: usize,
    next: usize,
    image: &'b mut [f32],
    write: F,
}

impl<'b, F: FnMut(usize, &mut [f32])> Written<'b, F> {
    pub(crate) fn new(count: usize, image: &'b mut [f32], write: F) -> Self {
        Self { count, next: 0, image, write }
    }
}

impl<F: FnMut(usize, &mut [f32])> Fetch for Written<'_, F> {
    fn restart(&mut self) {
        self.next = 0;
    }

    fn next(&mut self) -> Option<&[f32]> {
        let index = self.next;
        self.next = index.saturating_add(1);
        self.nth(index)
    }

    fn nth(&mut self, index: usize) -> Option<&[f32]> {
        if index >= self.count {
            return None;
        }
        (self.write)(index, self.image);
        Some(self.image)
    }
}
