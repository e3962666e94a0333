//! The guard file: the last durable size and root, kept outside the data directory, so that an old
//! copy put in the chronicle's place is noticed.

use std::fmt;
use std::sync::Arc;

use crate::disk::Disk;

/// Where the guard file lies.
#[derive(Clone)]
pub struct GuardFile {
    /// The disk of its directory.
    pub disk: Arc<dyn Disk>,
    /// Its name there.
    pub path: String,
}

impl fmt::Debug for GuardFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardFile").field("path", &self.path).finish_non_exhaustive()
    }
}
