//! A function's code: a folder with a `bootstrap`.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use faults::{Classified, FaultClass};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The folder that holds a function's files. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    folder: Arc<Path>,
}

/// The function's code cannot be unpacked or packed.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The folder cannot be written or read.
    #[error("cannot unpack the function's code to {}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The archive is damaged.
    #[error("the function's code is not a valid zip file")]
    Archive(#[from] zip::result::ZipError),
    /// The program is too large for a zip file.
    #[error("the function's program cannot be packed")]
    Program(#[source] zip::result::ZipError),
}

// A damaged archive stays damaged. A folder may be writable later, for example after the disk was full.
impl Classified for CodeError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Folder { .. } => FaultClass::Retryable,
            Self::Archive(_) | Self::Program(_) => FaultClass::Configuration,
        }
    }
}

impl Code {
    /// Code that is already unpacked.
    /// It is not checked that the folder exists or has a `bootstrap`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// Packs a program into a zip file, as `bootstrap`. The same program always gives the same bytes.
    ///
    /// Fails with [`CodeError::Program`].
    pub fn pack(program: &[u8]) -> Result<Vec<u8>, CodeError> {
        archive("bootstrap", program).map_err(CodeError::Program)
    }

    /// Unpacks a zip file into a folder below `cache`. The folder's name is the hash of the content, so code that was
    /// unpacked before is reused. Several processes may unpack at the same time, because a folder appears atomically.
    ///
    /// Fails with [`CodeError::Folder`] if the cache is not writable, and with [`CodeError::Archive`] if the bytes are
    /// no zip file or an entry leads out of the folder.
    pub fn unpack(zip: &[u8], cache: &Path) -> Result<Self, CodeError> {
        let folder = cache.join(hex::encode(Sha256::digest(zip)));
        if folder.is_dir() {
            return Ok(Self { folder: folder.into() });
        }
        let failed = |source| CodeError::Folder { folder: folder.clone(), source };
        std::fs::create_dir_all(cache).map_err(failed)?;
        // The draft is in the same folder, so that `rename` does not cross file systems.
        let draft = tempfile::tempdir_in(cache).map_err(failed)?;
        let files = draft.path().join("code");
        ZipArchive::new(Cursor::new(zip))?.extract(&files)?;
        match std::fs::rename(&files, &folder) {
            Err(_) if folder.is_dir() => {} // Another process was faster.
            renamed => renamed.map_err(failed)?,
        }
        Ok(Self { folder: folder.into() })
    }

    /// The folder. It is the value of the function's `LAMBDA_TASK_ROOT`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the program that is started.
    #[must_use]
    pub fn bootstrap(&self) -> PathBuf {
        self.folder.join("bootstrap")
    }
}

/// Creates a zip file with one executable file.
fn archive(name: &str, program: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, options)?;
    zip.write_all(program)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const PROGRAM: &[u8] = b"#!/bin/sh\n";

    #[test]
    fn the_same_zip_is_unpacked_once_and_its_bootstrap_may_be_executed() {
        let cache = tempfile::tempdir().unwrap();
        let zip = Code::pack(PROGRAM).unwrap();
        let code = Code::unpack(&zip, cache.path()).unwrap();
        assert_ne!(std::fs::metadata(code.bootstrap()).unwrap().permissions().mode() & 0o111, 0);
        std::fs::write(code.folder().join("mark"), "").unwrap();
        let again = Code::unpack(&zip, cache.path()).unwrap();
        assert!(again.folder().join("mark").exists());
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn many_unpack_the_same_zip_at_once() {
        let cache = tempfile::tempdir().unwrap();
        let zip = Code::pack(PROGRAM).unwrap();
        std::thread::scope(|scope| {
            let unpack = || Code::unpack(&zip, cache.path()).unwrap();
            let codes: Vec<_> = (0..8).map(|_| scope.spawn(unpack)).collect();
            assert!(codes.into_iter().all(|code| code.join().unwrap().bootstrap().is_file()));
        });
    }

    #[test]
    fn an_entry_that_leads_out_of_the_folder_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let error = Code::unpack(&archive("../../escaped", PROGRAM).unwrap(), cache.path()).unwrap_err();
        assert_eq!(error.class(), FaultClass::Configuration, "{error}");
        assert!(!cache.path().join("../escaped").exists());
        assert!(Code::unpack(b"no zip", cache.path()).is_err());
    }
}
