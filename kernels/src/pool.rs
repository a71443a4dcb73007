//! A pool of threads that share out the items of a slice: each item goes to whoever is free.
//!
//! Nobody has to show up. The caller works too and ends when no item is left and nobody holds one, so that a thread which the
//! system gives no core delays nothing but the item it holds. An idle thread spins for some microseconds, since the next
//! slice of a forward pass comes soon, and then sleeps.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Looks at the counter before a thread sleeps: some 50 microseconds.
const SPINS: u32 = 2_000;

/// Threads that wait for work.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The number of jobs so far, for those who spin.
    jobs: AtomicU64,
    /// Threads that hold the current job, the caller aside.
    holders: AtomicUsize,
    work: Condvar,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    job: Option<Job>,
    /// What a thread panicked with in the current job.
    panic: Option<Panic>,
    is_closed: bool,
}

struct Panic(Box<dyn Any + Send>);

impl std::fmt::Debug for Panic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Panic")
    }
}

/// A call that is valid as long as it stands in [`State::job`] or is counted in [`Shared::holders`].
#[derive(Clone, Copy, Debug)]
struct Job {
    call: unsafe fn(*const (), usize),
    argument: *const (),
}

// SAFETY: the argument points to a `Slices`, which is shared among threads by design: see `Slices::work`.
unsafe impl Send for Job {}

impl Pool {
    /// A pool in which `threads` work, the caller among them; at least the caller does.
    ///
    /// # Errors
    /// The system starts no more threads.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            jobs: AtomicU64::new(0),
            holders: AtomicUsize::new(0),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let mut pool = Self { shared, threads: Vec::new() };
        for worker in 1..threads {
            let shared = pool.shared.clone();
            let thread = std::thread::Builder::new().name(format!("portcullis-cpu-{worker}"));
            pool.threads.push(thread.spawn(move || shared.serve(worker))?);
        }
        Ok(pool)
    }

    /// The number of threads, the caller among them.
    pub fn n_threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Calls `run` once for each item, with the workspace of the thread that does it. Returns when all is done.
    ///
    /// # Panics
    /// With what `run` panicked with, or if there are fewer workspaces than threads.
    pub fn for_each<W: Send, T: Send>(
        &mut self,
        spaces: &mut [W],
        items: &mut [T],
        run: impl Fn(&mut W, &mut T) + Sync,
    ) {
        assert!(self.n_threads() <= spaces.len(), "a thread has no workspace");
        if self.threads.is_empty() || items.len() < 2 {
            let space = &mut spaces[0];
            items.iter_mut().for_each(|item| run(space, item));
            return;
        }
        let slices = Slices {
            spaces: spaces.as_mut_ptr(),
            items: items.as_mut_ptr(),
            n_items: items.len(),
            next: AtomicUsize::new(0),
            run: &run,
        };
        let finish = self.shared.publish(slices.job());
        // SAFETY: this thread is worker 0, of which there is one: `&mut self` keeps a second caller out.
        unsafe { slices.work(0) };
        drop(finish);
        if let Some(Panic(payload)) = self.shared.lock().panic.take() {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.jobs.fetch_add(1, Ordering::Release);
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A panic of the thread was passed on to the caller of its job already.
            drop(thread.join());
        }
    }
}

/// Withdraws the job when it is dropped, even by a panic, and waits until nobody holds it.
struct Finish<'a>(&'a Shared);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.lock().job = None;
        for _ in 0..SPINS {
            if self.0.holders.load(Ordering::Acquire) == 0 {
                return;
            }
            std::hint::spin_loop();
        }
        let mut state = self.0.lock();
        while self.0.holders.load(Ordering::Acquire) > 0 {
            state = self.0.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, job: Job) -> Finish<'_> {
        let mut state = self.lock();
        state.job = Some(job);
        // Under the lock, so that no thread falls asleep between its look at the counter and this.
        self.jobs.fetch_add(1, Ordering::Release);
        drop(state);
        self.work.notify_all();
        Finish(self)
    }

    /// A thread's life.
    fn serve(&self, worker: usize) {
        let mut seen = 0;
        while let Some(job) = self.next_job(&mut seen) {
            // SAFETY: the job is held, so that its caller waits; each thread has a number of its own.
            let result = catch_unwind(AssertUnwindSafe(|| unsafe { (job.call)(job.argument, worker) }));
            let mut state = self.lock();
            if let Err(payload) = result {
                state.panic = Some(Panic(payload));
            }
            if self.holders.fetch_sub(1, Ordering::Release) == 1 {
                self.done.notify_one();
            }
        }
    }

    /// Waits for a job and takes hold of it. None when the pool closes. `seen` is the number of jobs at the last look.
    fn next_job(&self, seen: &mut u64) -> Option<Job> {
        for _ in 0..SPINS {
            if self.jobs.load(Ordering::Acquire) != *seen {
                break;
            }
            std::hint::spin_loop();
        }
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            let jobs = self.jobs.load(Ordering::Acquire);
            if jobs != *seen
                && let Some(job) = state.job
            {
                *seen = jobs;
                self.holders.fetch_add(1, Ordering::Relaxed);
                return Some(job);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A job: workspaces by thread, items by number.
struct Slices<'a, W, T, F> {
    spaces: *mut W,
    items: *mut T,
    n_items: usize,
    next: AtomicUsize,
    run: &'a F,
}

impl<W: Send, T: Send, F: Fn(&mut W, &mut T) + Sync> Slices<'_, W, T, F> {
    fn job(&self) -> Job {
        Job { call: Self::call, argument: (&raw const *self).cast() }
    }

    /// # Safety
    /// `argument` is a `Slices` of this type that outlives the call; `worker` as in [`Self::work`].
    unsafe fn call(argument: *const (), worker: usize) {
        // SAFETY: the caller vouches for both.
        unsafe { (*argument.cast::<Self>()).work(worker) }
    }

    /// Takes items until none is left.
    ///
    /// # Safety
    /// `worker` is below the number of workspaces, and no other thread uses the same.
    unsafe fn work(&self, worker: usize) {
        // SAFETY: within the slice, and nobody else's.
        let space = unsafe { &mut *self.spaces.add(worker) };
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.n_items {
                return;
            }
            // SAFETY: within the slice, and the counter gives each number once.
            (self.run)(space, unsafe { &mut *self.items.add(index) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once_in_one_space_at_a_time() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads).unwrap();
            assert_eq!(pool.n_threads(), threads);
            let mut spaces = vec![0_usize; threads];
            for n_items in [0, 1, 2, 7, 300].into_iter().cycle().take(200) {
                spaces.fill(0);
                let mut items: Vec<usize> = (0..n_items).collect();
                pool.for_each(&mut spaces, &mut items, |space, item| {
                    *space += 1;
                    *item += 1000;
                });
                assert!(items.iter().copied().eq(1000..1000 + n_items));
                assert_eq!(spaces.iter().sum::<usize>(), n_items);
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let mut pool = Pool::new(3).unwrap();
        for bad in 0..50 {
            let mut items: Vec<usize> = (0..50).collect();
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.for_each(&mut [(); 3], &mut items, |(), item| {
                    assert!(*item != bad, "the fault that is under test")
                });
            }));
            assert!(result.is_err());
            pool.for_each(&mut [(); 3], &mut items, |(), item| *item += 1);
        }
    }
}
