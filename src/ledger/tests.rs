//! Tests the ledger's rules in thousands of small worlds: three sandboxes want the same task, their
//! clocks differ by up to two minutes, they freeze and die, and storage loses requests and answers.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    Begun, Claimed, Clock, Journal, Keep, LeaseError, Ledger, Objects, PlaceError, RUN_MARK,
    Storing, Upload, Wanted, run_name,
};
use crate::code::Code;
use crate::object::{Bucket, Key, ObjectUri, UploadName};
use crate::storage::upload::{NotStored, Stored, UploadError};
use crate::storage::{Description, Precondition, Problem};
use crate::task::{
    Entry, EventId, Moment, RequestId, Segments, Status, StoredRecord, TargetRecord, TaskId,
    TaskRecord,
};
use model::{Dice, Link, World, marks};

mod model;

const SEEDS: u64 = 2000;
const BASE: i64 = 1_800_000_000;
/// If the last renewal is older than this, the lease has to be confirmed before an object is
/// stored.
const MOST_AGE: Duration = Duration::from_secs(7);
/// Number of segments of a result.
const SEGMENTS: usize = 2;
/// The longest time that anything may take, in a world's own time.
const AGES: Duration = Duration::from_hours(2);

/// A small file that is being uploaded in one request, as `PendingUpload` does.
struct Small {
    link: Link,
    uri: ObjectUri,
    bytes: Bytes,
    description: Description,
}

impl Upload for Small {
    async fn appear(&mut self, precondition: &Precondition) -> Result<Stored, NotStored> {
        let Self { link, uri, bytes, description } = self;
        // A run that was frozen has to confirm that it still has the lease before it stores
        // anything: the next run may already have cleaned up what this one left.
        let age = link.world.since_renewal(&description.metadata[RUN_MARK]);
        assert!(age <= MOST_AGE, "{uri} is stored {age:?} after the lease was renewed");
        let size = bytes.len() as u64;
        let error = match link.write(uri, bytes, description, precondition).await {
            Ok(etag) => return Ok(Stored { etag, size }),
            Err(error) => error,
        };
        match link.head(uri).await {
            Ok(head) if head.metadata == description.metadata => {
                Ok(Stored { etag: head.etag, size })
            }
            Err(answer) if *answer.problem() != Problem::NoSuchKey => {
                Err(NotStored::Refused(UploadError::Unclear(error)))
            }
            _ if error.is_transient() => Err(NotStored::Refused(error.into())),
            _ => Err(NotStored::InTheWay(error)),
        }
    }

    async fn reopen(&mut self) -> Result<Option<UploadName>, UploadError> {
        Ok(None)
    }

    async fn send(&mut self) -> Result<(), UploadError> {
        Ok(())
    }
}

/// One of several sandboxes that want the task.
#[derive(Clone)]
struct Sandbox {
    link: Link,
    ledger: Ledger<Link>,
    uri: ObjectUri,
    wanted: Wanted,
}

enum Ended {
    Superseded,
    Failed,
}

impl From<LeaseError> for Ended {
    fn from(error: LeaseError) -> Self {
        PlaceError::from(error).into()
    }
}

impl From<PlaceError> for Ended {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Lease(LeaseError::Superseded) => Self::Superseded,
            _ => Self::Failed,
        }
    }
}

impl Sandbox {
    fn new(world: &World, dice: &Dice, faults: u64, skew: SignedDuration) -> Self {
        let link = Link { world: world.clone(), dice: dice.clone(), faults };
        let start = Instant::now();
        let now = move || {
            let passed = SignedDuration::try_from(start.elapsed()).unwrap();
            Timestamp::from_second(BASE).unwrap() + passed + skew
        };
        let mut ledger = Ledger::new(link.clone(), ".tasks/");
        ledger.clock = Clock::new(now);
        let task = TaskId::derive(("clips", "main"), [], "p");
        let request = RequestId::from_uuid(Uuid::from_u128(1));
        let start = Moment::new(ledger.clock.now());
        let record = TaskRecord::begin(task, EventId::random(), request, start, "p".to_owned());
        let uri = ledger.uri(&Bucket::new("clips").unwrap(), task);
        Self { link, ledger, uri, wanted: Wanted { record, result: None } }
    }

    /// Does what the worker does.
    async fn perform(&self) -> Option<TaskRecord> {
        let patience = Instant::now() + Duration::from_mins(15);
        loop {
            let claimed = self.ledger.claim(&self.uri, &self.wanted, patience).await.ok()?;
            let (journal, begun) = match claimed {
                Claimed::Known(record) | Claimed::Distributed(record, _) => return Some(*record),
                Claimed::Ours(journal, begun) => (journal, begun),
            };
            let record = match begun {
                Begun::Stored(record) | Begun::Untold(record) => *record,
                Begun::Work(_) => {
                    let ended = tokio::select! {
                        ended = self.work(&journal) => ended,
                        ended = journal.keep_alive() => Err(ended.into()),
                    };
                    let mut record = journal.latest();
                    match ended {
                        Ok(()) => record.succeed(Moment::new(self.ledger.clock.now())),
                        Err(Ended::Superseded) => {
                            self.ledger.withdraw(&journal).await;
                            continue;
                        }
                        Err(Ended::Failed) => {
                            let now = Moment::new(self.ledger.clock.now());
                            record.fail(Code::InternalError, "it failed", now);
                        }
                    }
                    record
                }
            };
            // The message, with a write of the record before and after it.
            if journal.write(&record, Keep::Lease).await.is_ok() {
                sleep(self.link.dice.millis(3000)).await;
                journal.write(&record, Keep::Nothing).await.ok();
            }
            return Some(record);
        }
    }

    async fn work(&self, journal: &Journal<Link>) -> Result<(), Ended> {
        sleep(self.link.dice.millis(12_000)).await;
        journal.note(Entry::Progress(50));
        let target = ObjectUri::named("clips", "film.m3u8").unwrap();
        let run = run_name(journal.holder());
        let segments = Some(Segments { places: Vec::new(), count: SEGMENTS });
        let storing = Storing { last: target.clone(), segments };
        let seen = journal.look_at(&target).await.map_err(|_| Ended::Failed)?;
        journal.confirm(storing.clone()).await?;
        let mut targets = Vec::new();
        for number in 1..=SEGMENTS {
            let key = format!("film-{run}-{number:05}.ts");
            let mut upload = self.upload(journal, &target.beside(key).unwrap());
            let placed = journal.place_segment(&mut upload).await;
            targets.push(target_record(&upload.uri, placed?));
            sleep(self.link.dice.millis(500)).await;
        }
        let mut upload = self.upload(journal, &target);
        let placed = journal.place_last(&mut upload, &storing, seen).await;
        targets.push(target_record(&target, placed?.0));
        journal.note(Entry::Stored(targets));
        Ok(())
    }

    fn upload(&self, journal: &Journal<Link>, uri: &ObjectUri) -> Small {
        let run = journal.holder().to_string();
        let description = marks(&self.wanted.record.task_id.to_string(), &run);
        let bytes = Bytes::from(format!("{} of {run}", uri.key));
        Small { link: self.link.clone(), uri: uri.clone(), bytes, description }
    }

    /// Asks for the task, sometimes dies, and is started again, as with Lambda.
    async fn live(&self) {
        let dice = &self.link.dice;
        for _ in 0..3 {
            sleep(dice.millis(20_000)).await;
            let life = if dice.is_one_in(2) { AGES } else { dice.millis(40_000) };
            timeout(life, self.perform()).await.ok();
        }
    }
}

fn target_record(uri: &ObjectUri, stored: Stored) -> TargetRecord {
    TargetRecord {
        uri: uri.clone(),
        etag: stored.etag,
        size: stored.size,
        content_type: "video/mp2t".to_owned(),
    }
}

/// What is wrong with a record that says that the task has succeeded, if anything.
fn judge(world: &World, uri: &ObjectUri) -> Option<String> {
    let (objects, _) = &*world.objects();
    let record: StoredRecord = serde_json::from_slice(&objects.get(&uri.key)?.bytes).unwrap();
    let targets = &record.record.targets;
    if record.record.status != Status::Succeeded {
        return None;
    }
    let mut runs = Vec::new();
    for target in targets {
        match objects.get(&target.uri.key) {
            Some(object) if object.etag == target.etag => runs.push(object.run()),
            other => {
                return Some(format!("{} is not {:?}, but {other:?}", target.uri, target.etag));
            }
        }
    }
    let same = runs.windows(2).all(|two| two[0] == two[1]);
    let whole = targets.len() == SEGMENTS + 1;
    (!same || !whole).then(|| format!("{targets:?} are of {runs:?}"))
}

/// An object that nobody needs any more: neither the record nor named by it.
fn left(world: &World, uri: &ObjectUri) -> Option<String> {
    let (objects, _) = &*world.objects();
    let record: StoredRecord = serde_json::from_slice(&objects.get(&uri.key)?.bytes).unwrap();
    let is_named = |key: &Key| record.record.targets.iter().any(|target| target.uri.key == *key);
    let left: Vec<_> = objects.keys().filter(|&key| *key != uri.key && !is_named(key)).collect();
    (!left.is_empty()).then(|| format!("{left:?} are left"))
}

/// One world in this many is calm: sandboxes die there, but nothing else goes wrong. So everything
/// that they leave has to be found.
const CALM: u64 = 5;
/// In one world in this many, somebody else overwrites the result in the end.
const OVERWRITTEN: u64 = 3;

async fn simulate(seed: u64) -> Result<(), String> {
    let (world, dice) = (World::default(), Dice::new(seed));
    let is_calm = seed.is_multiple_of(CALM);
    let faults = if is_calm { 0 } else { 12 };
    let skew = || {
        if is_calm {
            return SignedDuration::ZERO;
        }
        let seconds = i64::try_from(dice.below(121)).unwrap();
        SignedDuration::from_secs(seconds - 60)
    };
    let sandboxes = [(); 3].map(|()| Sandbox::new(&world, &dice, faults, skew()));
    let uri = sandboxes[0].uri.clone();
    let lives = sandboxes.clone().map(|sandbox| tokio::spawn(async move { sandbox.live().await }));
    let mut watched = lives.into_iter().collect::<Vec<_>>();
    // At no time may anybody see a wrong record.
    while watched.iter().any(|life| !life.is_finished()) {
        sleep(Duration::from_millis(700)).await;
        if let Some(lie) = judge(&world, &uri) {
            return Err(format!("meanwhile: {lie}"));
        }
    }
    for life in &mut watched {
        life.await.map_err(|error| error.to_string())?;
    }
    // Late requests have arrived, every lease has expired, and nothing fails any more.
    sleep(Duration::from_mins(5)).await;
    let last = Sandbox::new(&world, &dice, 0, SignedDuration::from_mins(5));
    let mut last = last;
    last.ledger.clock = sandboxes[0].ledger.clock.clone();
    if seed.is_multiple_of(OVERWRITTEN) {
        world.overwrite();
    }
    let record = last.perform().await.ok_or("storage failed")?;
    if record.status != Status::Succeeded {
        return Err(format!("at last: {record:?}"));
    }
    let left = left(&world, &uri).filter(|_| is_calm && !seed.is_multiple_of(OVERWRITTEN));
    judge(&world, &uri).or(left).map_or(Ok(()), Err)
}

#[test]
fn no_two_runs_share_a_result_and_no_record_tells_of_a_foreign_one() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let parts = (0..threads).map(|part| {
            scope.spawn(move || {
                let seeds = (0..SEEDS).filter(|seed| seed % threads == part);
                let failures = seeds.filter_map(|seed| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_time()
                        .start_paused(true)
                        .build()
                        .unwrap();
                    let outcome = runtime.block_on(simulate(seed));
                    outcome.err().map(|wrong| format!("seed {seed}: {wrong}"))
                });
                failures.collect::<Vec<_>>()
            })
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {SEEDS}\n{}", wrong.len(), wrong.join("\n"));
}

/// Waiting is billed.
#[tokio::test(start_paused = true)]
async fn no_run_waits_long_for_another() {
    let (world, dice) = (World::default(), Dice::new(1));
    let sandbox = Sandbox::new(&world, &dice, 0, SignedDuration::ZERO);
    let patience = Instant::now() + Duration::from_mins(15);
    let Claimed::Ours(journal, _) =
        sandbox.ledger.claim(&sandbox.uri, &sandbox.wanted, patience).await.unwrap()
    else {
        panic!("nobody else is there");
    };
    let other = sandbox.clone();
    let started = Instant::now();
    let claimed = tokio::select! {
        ended = journal.keep_alive() => panic!("{ended}"),
        claimed = other.ledger.claim(&other.uri, &other.wanted, patience) => claimed.unwrap(),
    };
    let Claimed::Known(record) = claimed else { panic!("it is held") };
    assert_eq!(record.status, Status::Running);
    assert!(started.elapsed() <= Duration::from_secs(31), "{:?}", started.elapsed());
}
