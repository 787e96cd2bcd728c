//! A collected input, read by the guest in pages.

use compact_str::CompactString;
use wasmtime::component::Resource;

use super::bindings::fanfold::plugin::collections::{Host, HostCollection, Item, JsonPage};
use super::failure::StepFailure;
use super::inputs::{Member, MemberCheck};
use super::instance::StepState;
use super::reporter::host_failed;
use super::value::{CollectedItem, Collection, Value};

/// Members of one page at most.
const PAGE_ITEMS: u32 = 4096;
/// A page ends with the member that takes it over this size, in bytes: it has to fit the host and a small guest.
const PAGE_BYTES: u64 = 1 << 20;

/// A collection in a guest's hands.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenCollection {
    input: CompactString,
    collection: Collection,
    check: Option<MemberCheck>,
    /// Members that were handed over.
    read: u32,
}

impl OpenCollection {
    /// What an input of that name receives; with a check for its members, where they have a schema.
    pub(super) fn new(input: CompactString, collection: Collection, check: Option<MemberCheck>) -> Self {
        Self { input, collection, check, read: 0 }
    }

    /// Reads the next members: at most `max`, and no more than a page may hold.
    fn page(
        &mut self,
        max: u32,
        mut take: impl FnMut(&Member<'_>, Value) -> Result<(), StepFailure>,
    ) -> Result<(), StepFailure> {
        let mut bytes = 0;
        for _ in 0..max.min(PAGE_ITEMS) {
            if bytes >= PAGE_BYTES {
                break;
            }
            let Some(item) = self.collection.items.next() else { break };
            let item = item.map_err(|error| host_failed("cannot read an input", &error))?;
            let CollectedItem { mapping_key, value } = item;
            let member = Member { input: &self.input, place: self.read, mapping_key: mapping_key.as_ref() };
            if let Some(check) = &self.check {
                check.check(&member, &value)?;
            }
            self.read += 1;
            bytes += value.inline_bytes();
            take(&member, value)?;
        }
        Ok(())
    }
}

impl Host for StepState {}

impl HostCollection for StepState {
    fn len(&mut self, this: Resource<OpenCollection>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&this)?.collection.len)
    }

    fn next(&mut self, this: Resource<OpenCollection>, max: u32) -> wasmtime::Result<Vec<Item>> {
        let Self { table, blobs, .. } = self;
        let mut page = Vec::new();
        let read = table.get_mut(&this)?.page(max, |member, value| {
            let mapping_key = member.mapping_key.map(|key| key.as_str().to_owned());
            page.push(Item { mapping_key, value: blobs.hand_over(value) });
            Ok(())
        });
        read.map_err(StepFailure::into_error)?;
        Ok(page)
    }

    fn next_json(&mut self, this: Resource<OpenCollection>, max: u32) -> wasmtime::Result<JsonPage> {
        let mut page = JsonPage { mapping_keys: String::new(), values: String::from("[") };
        let read = self.table.get_mut(&this)?.page(max, |member, value| {
            let JsonPage { mapping_keys, values } = &mut page;
            if values.len() > 1 {
                values.push(',');
            }
            values.push_str(member.json(&value)?);
            if let Some(key) = member.mapping_key {
                if !mapping_keys.is_empty() {
                    mapping_keys.push(' ');
                }
                mapping_keys.push_str(key.as_str());
            }
            Ok(())
        });
        read.map_err(StepFailure::into_error)?;
        page.values.push(']');
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
