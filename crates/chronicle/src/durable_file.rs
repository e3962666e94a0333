//! Small files that are replaced whole: the old bytes or the new ones are there, never half of one.

use crate::disk::{Attempt, Disk, DiskError};

/// Puts bytes in the place of a file, or makes it; durable when this returns. A crash leaves the
/// old file or the new one, and perhaps a `.new` beside it.
pub(crate) fn replace(
    disk: &dyn Disk,
    directory: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(), DiskError> {
    let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
    let aside = format!("{path}.new");
    match disk.remove(&aside).attempt("remove", &aside) {
        Err(error) if !error.is_absent() => return Err(error),
        _ => {}
    }
    let file = disk.create_new(&aside).attempt("create", &aside)?;
    file.write_at(bytes, 0).attempt("write", &aside)?;
    file.sync().attempt("sync", &aside)?;
    disk.rename(&aside, &path).attempt("rename", &aside)?;
    disk.sync_dir(directory).attempt("sync", directory)
}
