//! A collected input, read by the guest in pages.

use wasmtime::component::Resource;

use super::bindings::fanfold::plugin::collections::{Host, HostCollection, Item};
use super::failure::StepFailure;
use super::inputs::MemberCheck;
use super::instance::StepState;
use super::reporter::host_failed;
use super::value::Collection;

/// Members of one page at most.
const PAGE_ITEMS: u32 = 4096;
/// A page ends with the member that takes it over this size, in bytes: it has to fit the host and a small guest.
const PAGE_BYTES: u64 = 1 << 20;

/// A collection in a guest's hands.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenCollection {
    pub(super) collection: Collection,
    pub(super) check: Option<MemberCheck>,
}

impl Host for StepState {}

impl HostCollection for StepState {
    fn len(&mut self, this: Resource<OpenCollection>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&this)?.collection.len)
    }

    fn next(&mut self, this: Resource<OpenCollection>, max: u32) -> wasmtime::Result<Vec<Item>> {
        let Self { table, blobs, .. } = self;
        let OpenCollection { collection, check } = table.get_mut(&this)?;
        let max = max.min(PAGE_ITEMS).min(collection.len) as usize;
        let mut page = Vec::with_capacity(max);
        let mut bytes = 0;
        while page.len() < max && bytes < PAGE_BYTES {
            let Some(item) = collection.items.next() else { break };
            let item = item.map_err(|error| host_failed("cannot read an input", &error).into_error())?;
            if let Some(check) = check {
                check.check(&item).map_err(StepFailure::into_error)?;
            }
            bytes += item.value.inline_bytes();
            page.push(Item {
                mapping_key: item.mapping_key.map(|key| key.as_str().to_owned()),
                value: blobs.hand_over(item.value),
            });
        }
        Ok(page)
    }

    fn next_missing(&mut self, this: Resource<OpenCollection>, max: u32) -> wasmtime::Result<Vec<String>> {
        let missing = &mut self.table.get_mut(&this)?.collection.missing;
        Ok(missing.take(max.min(PAGE_ITEMS) as usize).map(|key| key.as_str().to_owned()).collect())
    }

    fn drop(&mut self, this: Resource<OpenCollection>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
