//! Opening a file in a granted directory: only what is a file, a directory or a link is opened.
//!
//! A pipe, a socket or a device may block whoever opens or reads it, in a call that neither cancel nor the wall limit can
//! end. A guest cannot make one, but one may lie in a directory that it is granted.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorFlags, DescriptorType, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};

use super::instance::StepState;

/// The interface as the linker has it.
const FILES: &str = "wasi:filesystem/types@0.2.12";

type Opened = wasmtime::Result<(Result<Resource<Descriptor>, ErrorCode>,)>;

/// Replaces `open-at` in a linker that already has WASI.
pub(super) fn add_to_linker(linker: &mut Linker<StepState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(FILES)?.func_wrap("[method]descriptor.open-at", open_at)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn open_at(
    mut store: StoreContextMut<'_, StepState>,
    (directory, path_flags, path, open_flags, flags): (
        Resource<Descriptor>,
        PathFlags,
        String,
        OpenFlags,
        DescriptorFlags,
    ),
) -> Opened {
    let mut files = store.data_mut().filesystem();
    let again = Resource::new_borrow(directory.rep());
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
    if !is_openable {
        return Ok((Err(ErrorCode::NotPermitted),));
    }
    match files.open_at(directory, path_flags, path, open_flags, flags) {
        Ok(opened) => Ok((Ok(opened),)),
        Err(error) => Ok((Err(error.downcast()?.into()),)),
    }
}
