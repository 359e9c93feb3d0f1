//! The pages of a file as redb lays them out.

const BRANCH: u8 = 2;

/// Makes a page one that redb reports as damage whenever it comes to it, and never takes for a failure of the disk,
/// after which it would refuse to read anything. It is a branch, none of whose children can be.
pub(crate) fn make_unreadable(page: &mut [u8]) {
    /// The type, the number of keys (1), two checksums, two children, the end of the key.
    const HEAD: usize = 8;
    const CHILDREN: usize = HEAD + 2 * 16;
    const KEY_END: usize = CHILDREN + 2 * 8;
    const END: u8 = 60;

    page.fill(0);
    for (offset, byte) in [(0, BRANCH), (2, 1), (KEY_END, END)] {
        if let Some(place) = page.get_mut(offset) {
            *place = byte;
        }
    }
    if let Some(children) = page.get_mut(CHILDREN..KEY_END) {
        children.fill(0xFF);
    }
}
