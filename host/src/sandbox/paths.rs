//! What a guest does with paths in a granted directory: the sandbox decides, and what it denies is told to the operator.
//!
//! Only what is a file, a directory or a link is opened. A pipe, a socket or a device may block whoever opens or reads it,
//! in a call that neither cancel nor the wall limit can end. A guest cannot make one, but one may lie in a directory that it is
//! granted.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorFlags, DescriptorType, ErrorCode, HostDescriptor, NewTimestamp, OpenFlags, PathFlags,
};

use super::instance::StepState;

/// The interface as the linker has it.
const FILES: &str = "wasi:filesystem/types@0.2.12";

type Files<'f> = WasiFilesystemCtxView<'f>;
type Dir = Resource<Descriptor>;
/// A path that the guest named, and what came of it.
type Done<R> = (String, FsResult<R>);

/// Replaces every function that takes a path, in a linker that already has WASI.
pub(super) fn add_to_linker(linker: &mut Linker<StepState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let files = &mut linker.instance(FILES)?;
    told(files, "open-at", open_at)?;
    told(files, "stat-at", |files, (dir, flags, path): (Dir, PathFlags, String)| {
        (path.clone(), files.stat_at(dir, flags, path))
    })?;
    told(files, "metadata-hash-at", |files, (dir, flags, path): (Dir, PathFlags, String)| {
        (path.clone(), files.metadata_hash_at(dir, flags, path))
    })?;
    told(files, "readlink-at", |files, (dir, path)| (String::clone(&path), files.readlink_at(dir, path)))?;
    told(files, "create-directory-at", |files, (dir, path)| {
        (String::clone(&path), files.create_directory_at(dir, path))
    })?;
    told(files, "remove-directory-at", |files, (dir, path)| {
        (String::clone(&path), files.remove_directory_at(dir, path))
    })?;
    told(files, "unlink-file-at", |files, (dir, path)| {
        (String::clone(&path), files.unlink_file_at(dir, path))
    })?;
    told(files, "symlink-at", |files, (dir, target, path): (Dir, String, String)| {
        (format!("{path} -> {target}"), files.symlink_at(dir, target, path))
    })?;
    told(files, "rename-at", |files, (dir, path, new_dir, new): (Dir, String, Dir, String)| {
        (format!("{path} -> {new}"), files.rename_at(dir, path, new_dir, new))
    })?;
    told(files, "link-at", link_at)?;
    told(files, "set-times-at", set_times_at)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Offers a function, and tells what it denies.
fn told<P, R>(
    files: &mut LinkerInstance<'_, StepState>,
    name: &'static str,
    call: fn(&mut Files<'_>, P) -> Done<R>,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    R: ComponentType + Lower + Send + Sync + 'static,
{
    let offered = move |mut store: StoreContextMut<'_, StepState>, params: P| {
        let (path, done) = call(&mut store.data_mut().filesystem(), params);
        let error: ErrorCode = match done {
            Ok(result) => return Ok((Ok(result),)),
            Err(error) => error.downcast()?.into(),
        };
        if matches!(error, ErrorCode::Access | ErrorCode::NotPermitted | ErrorCode::ReadOnly) {
            let wish = format!("{name} `{path}`");
            store
                .data_mut()
                .denials
                .note(&wish, "it is outside of what is granted, or not granted to be changed");
        }
        Ok((Err(error),))
    };
    files.func_wrap(&format!("[method]descriptor.{name}"), offered)
}

fn open_at(
    files: &mut Files<'_>,
    (dir, path_flags, path, open_flags, flags): (Dir, PathFlags, String, OpenFlags, DescriptorFlags),
) -> Done<Dir> {
    let again = Resource::new_borrow(dir.rep());
    // What cannot be looked at is not there, or is for `open_at` to refuse.
    let found = files.stat_at(again, path_flags, path.clone()).map(|found| found.type_);
    let is_openable = !matches!(
        found,
        Ok(DescriptorType::BlockDevice
            | DescriptorType::CharacterDevice
            | DescriptorType::Fifo
            | DescriptorType::Socket
            | DescriptorType::Unknown)
    );
    let opened = if is_openable {
        files.open_at(dir, path_flags, path.clone(), open_flags, flags)
    } else {
        Err(wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode::NotPermitted.into())
    };
    (path, opened)
}

fn link_at(
    files: &mut Files<'_>,
    (dir, flags, path, new_dir, new): (Dir, PathFlags, String, Dir, String),
) -> Done<()> {
    (format!("{path} -> {new}"), files.link_at(dir, flags, path, new_dir, new))
}

fn set_times_at(
    files: &mut Files<'_>,
    (dir, flags, path, accessed, modified): (Dir, PathFlags, String, NewTimestamp, NewTimestamp),
) -> Done<()> {
    (path.clone(), files.set_times_at(dir, flags, path, accessed, modified))
}
