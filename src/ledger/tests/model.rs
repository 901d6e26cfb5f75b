//! A model of storage, for sandboxes in simulated time, which only advances while they wait.
//!
//! Requests take time, fail, lose their answers, or are executed long after their sender has
//! stopped waiting. Sandboxes freeze.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::super::{OWN_MARK, Objects, RUN_MARK};
use crate::object::{Bucket, ETag, Key, ObjectUri, UploadName};
use crate::storage::{
    Description, Listed, ObjectHead, Operation, Precondition, Problem, StoreError,
};
use crate::task::StoredRecord;

/// Pseudo-random numbers that depend only on the seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// A number below `end`, by `SplitMix64`.
    pub(super) fn below(&self, end: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = *state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }

    pub(super) fn is_one_in(&self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    pub(super) fn millis(&self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    pub(super) etag: ETag,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Object {
    pub(super) fn run(&self) -> Option<&String> {
        self.metadata.get(RUN_MARK)
    }
}

/// All objects of one bucket, by key.
#[derive(Clone, Debug, Default)]
pub(super) struct World(Arc<Mutex<(BTreeMap<Key, Object>, u64)>>, Arc<Mutex<Renewals>>);

/// When each holder last wrote a record with its lease.
type Renewals = BTreeMap<String, Instant>;

impl World {
    pub(super) fn objects(&self) -> MutexGuard<'_, (BTreeMap<Key, Object>, u64)> {
        self.0.lock().unwrap()
    }

    /// The time since a holder renewed its lease.
    pub(super) fn since_renewal(&self, holder: &str) -> Duration {
        self.1.lock().unwrap()[holder].elapsed()
    }

    /// Overwrites each playlist with another object that has the same marks.
    pub(super) fn overwrite(&self) {
        let (objects, count) = &mut *self.objects();
        for (_, object) in objects.iter_mut().filter(|(key, _)| key.ends_with(".m3u8")) {
            *count += 1;
            object.etag = ETag::new(&format!("{count:032x}"));
            object.bytes = Bytes::from_static(b"another");
        }
    }

    /// Writes an object atomically.
    pub(super) fn write(
        &self,
        uri: &ObjectUri,
        bytes: &Bytes,
        description: &Description,
        precondition: &Precondition,
    ) -> Result<ETag, Problem> {
        let (objects, count) = &mut *self.objects();
        let there = objects.get(&uri.key).map(|object| &object.etag);
        match (precondition, there) {
            (Precondition::IfAbsent, Some(_)) => return Err(Problem::Precondition),
            (Precondition::IfMatch(_), None) => return Err(Problem::NoSuchKey),
            (Precondition::IfMatch(wanted), Some(there)) if wanted != there => {
                return Err(Problem::Precondition);
            }
            _ => {}
        }
        *count += 1;
        let etag = ETag::new(&format!("{count:032x}"));
        let metadata = description.metadata.clone();
        if let Ok(StoredRecord { lease: Some(lease), .. }) = serde_json::from_slice(bytes) {
            self.1.lock().unwrap().insert(lease.holder.to_string(), Instant::now());
        }
        let object = Object { bytes: bytes.clone(), etag: etag.clone(), metadata };
        objects.insert(uri.key.clone(), object);
        Ok(etag)
    }
}

/// Storage as one sandbox reaches it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) world: World,
    pub(super) dice: Dice,
    /// One request in this many fails; 0 for none.
    pub(super) faults: u64,
}

/// What happens to a request.
enum Fate {
    Good,
    /// It is rejected before anything happens.
    Refused,
    /// It is executed, but its answer is lost.
    Lost,
    /// The same, but executed long after.
    Late(Duration),
}

impl Link {
    fn goes_wrong(&self) -> bool {
        self.faults > 0 && self.dice.is_one_in(self.faults)
    }

    /// The way of a request. From time to time the sandbox freezes.
    async fn travel(&self) {
        sleep(self.dice.millis(150)).await;
        if self.faults > 0 && self.dice.is_one_in(self.faults * 4) {
            sleep(self.dice.millis(90_000)).await;
        }
    }

    fn fate(&self) -> Fate {
        if !self.goes_wrong() {
            return Fate::Good;
        }
        match self.dice.below(3) {
            0 => Fate::Refused,
            1 => Fate::Lost,
            _ => Fate::Late(self.dice.millis(60_000)),
        }
    }

    async fn read<T>(
        &self,
        uri: &ObjectUri,
        read: impl FnOnce(&World) -> T,
    ) -> Result<T, StoreError> {
        self.travel().await;
        if self.goes_wrong() {
            return Err(error(Problem::Transient("busy".to_owned()), uri));
        }
        let found = read(&self.world);
        self.travel().await;
        Ok(found)
    }

    /// A write with retries, as the SDK does it.
    pub(super) async fn write(
        &self,
        uri: &ObjectUri,
        bytes: &Bytes,
        description: &Description,
        precondition: &Precondition,
    ) -> Result<ETag, StoreError> {
        for _ in 0..3 {
            self.travel().await;
            match self.fate() {
                Fate::Good => {
                    let written = self.world.write(uri, bytes, description, precondition);
                    self.travel().await;
                    return written.map_err(|problem| error(problem, uri));
                }
                Fate::Refused => {}
                Fate::Lost => {
                    self.world.write(uri, bytes, description, precondition).ok();
                    sleep(Duration::from_secs(5)).await;
                }
                Fate::Late(after) => {
                    let (world, uri, bytes) = (self.world.clone(), uri.clone(), bytes.clone());
                    let (description, precondition) = (description.clone(), precondition.clone());
                    tokio::spawn(async move {
                        sleep(after).await;
                        world.write(&uri, &bytes, &description, &precondition).ok();
                    });
                    sleep(Duration::from_secs(5)).await;
                }
            }
        }
        Err(error(Problem::Transient("busy".to_owned()), uri))
    }
}

pub(super) fn error(problem: Problem, uri: &ObjectUri) -> StoreError {
    StoreError::new(problem, Operation::PutObject, uri)
}

impl Objects for Link {
    async fn get(&self, uri: &ObjectUri) -> Result<Option<(Bytes, ETag)>, StoreError> {
        self.read(uri, |world| {
            let (objects, _) = &*world.objects();
            objects.get(&uri.key).map(|object| (object.bytes.clone(), object.etag.clone()))
        })
        .await
    }

    async fn put(
        &self,
        uri: &ObjectUri,
        bytes: Vec<u8>,
        description: &Description,
        precondition: Precondition,
    ) -> Result<ETag, StoreError> {
        let bytes = Bytes::from(bytes);
        match self.write(uri, &bytes, description, &precondition).await {
            // Like `ObjectStore::put_small`.
            Err(error) if *error.problem() == Problem::Precondition => {
                let found = self.get(uri).await?;
                found.filter(|found| found.0 == bytes).map(|found| found.1).ok_or(error)
            }
            written => written,
        }
    }

    async fn head(&self, uri: &ObjectUri) -> Result<ObjectHead, StoreError> {
        let found = self.read(uri, |world| world.objects().0.get(&uri.key).cloned()).await?;
        let object = found.ok_or_else(|| error(Problem::NoSuchKey, uri))?;
        Ok(ObjectHead {
            etag: object.etag,
            size: object.bytes.len() as u64,
            version: None,
            last_modified: Timestamp::UNIX_EPOCH,
            content_type: None,
            metadata: object.metadata,
        })
    }

    async fn list(&self, bucket: &Bucket, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let uri = ObjectUri::named(bucket, prefix).unwrap();
        self.read(&uri, |world| {
            let (objects, _) = &*world.objects();
            let objects = objects.iter().filter(|(key, _)| key.starts_with(prefix));
            let listed = objects.map(|(key, object)| Listed {
                key: key.clone(),
                etag: object.etag.clone(),
                size: object.bytes.len() as u64,
                changed: Timestamp::UNIX_EPOCH,
            });
            listed.collect()
        })
        .await
    }

    async fn delete(&self, bucket: &Bucket, keys: &[Key]) -> Result<(), StoreError> {
        let Some(first) = keys.first() else { return Ok(()) };
        self.read(&ObjectUri::new(bucket.clone(), first.clone()), |world| {
            let (objects, _) = &mut *world.objects();
            objects.retain(|key, _| !keys.contains(key));
        })
        .await
    }

    async fn abort(&self, _: &UploadName) -> Result<(), StoreError> {
        self.travel().await;
        Ok(())
    }
}

/// Metadata of an object that a run stores.
pub(super) fn marks(task: &str, run: &str) -> Description {
    let marks = [(OWN_MARK, task), (RUN_MARK, run)];
    Description {
        content_type: "video/mp2t".to_owned(),
        metadata: marks.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}
