//! What the batch former promises, on requests made up by proptest.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn caller(priority: Priority, tenant: &str, deadline: Option<Instant>) -> Caller {
    Caller { tenant: Tenant::named(tenant), priority, deadline }
}

fn entry(lengths: &[usize], caller: Caller, since: Instant) -> Entry<'_> {
    Entry { caller, detail: Detail::Categories, since, is_cancelled: false, lengths }
}

fn scored(choices: &[Choice]) -> Vec<usize> {
    choices.iter().map(|choice| if let Choice::Score(n) = choice { *n } else { 0 }).collect()
}

fn check(entries: &[Entry<'_>], batch_tokens: usize, now: Instant, expected: &[usize]) {
    assert_eq!(scored(&form(entries, Limits::tokens(batch_tokens), now)), expected);
}

#[test]
fn a_window_larger_than_a_batch_goes_alone() {
    let now = Instant::now();
    check(&[entry(&[500], Caller::default(), now), entry(&[2], Caller::default(), now)], 100, now, &[1, 0]);
}

#[test]
fn what_is_late_or_cancelled_takes_no_room() {
    let now = Instant::now();
    let late = entry(&[100], caller(Priority::Interactive, "a", Some(now)), now);
    let cancelled = Entry { is_cancelled: true, ..entry(&[100], Caller::default(), now) };
    let choices = form(&[late, cancelled, entry(&[100], Caller::default(), now)], Limits::tokens(100), now);
    assert_eq!(choices, [Choice::Expire, Choice::Drop, Choice::Score(1)]);
}

#[test]
fn the_urgent_goes_first_until_others_have_waited() {
    let now = Instant::now();
    let bulk = |waited: Duration| entry(&[100], caller(Priority::Bulk, "a", None), now - waited);
    let interactive = entry(&[100], caller(Priority::Interactive, "a", None), now);
    check(&[bulk(SECOND), interactive], 100, now, &[0, 1]);
    check(&[bulk(AGEING), interactive], 100, now, &[0, 1]);
    check(&[bulk(PATIENCE), interactive], 100, now, &[1, 0]);
}

#[test]
fn the_earliest_deadline_goes_first() {
    let now = Instant::now();
    let due = |seconds| entry(&[100], caller(Priority::Default, "a", Some(now + SECOND * seconds)), now);
    check(&[due(3), due(1), due(2)], 200, now, &[0, 1, 1]);
}

#[test]
fn a_long_document_leaves_room_for_short_prompts() {
    let now = Instant::now();
    let (long, short) = ([10; 1000], [10]);
    let document = entry(&long, Caller::default(), now - SECOND);
    check(
        &[document, entry(&short, Caller::default(), now), entry(&short, Caller::default(), now)],
        100,
        now,
        &[8, 1, 1],
    );
}

#[test]
fn tenants_share_a_batch_equally() {
    let now = Instant::now();
    let windows = [10; 100];
    let of = |tenant| entry(&windows, caller(Priority::Default, tenant, None), now);
    check(&[of("a"), of("a"), of("a"), of("b")], 120, now, &[2, 2, 2, 6]);
}

#[test]
fn one_batch_has_one_detail() {
    let now = Instant::now();
    let tokens = Entry { detail: Detail::Tokens, ..entry(&[10], Caller::default(), now) };
    check(&[entry(&[10], Caller::default(), now - SECOND), tokens], 100, now, &[1, 0]);
}

#[test]
fn only_what_is_served_earlier_is_ahead() {
    let now = Instant::now();
    let (long, short) = ([100; 50], [10]);
    let entries = [
        entry(&long, caller(Priority::Default, "a", None), now),
        entry(&short, caller(Priority::Default, "a", None), now),
        entry(&long, caller(Priority::Bulk, "a", None), now),
        entry(&long, caller(Priority::Default, "b", None), now),
    ];
    let ahead = |priority, tenant, tokens| tokens_ahead(&entries, &caller(priority, tenant, None), tokens, now);
    assert_eq!(ahead(Priority::Interactive, "a", 20), 0);
    assert_eq!(ahead(Priority::Default, "a", 20), 20 + 10 + (20 + 10 + 20));
    assert_eq!(ahead(Priority::Default, "c", 20), 20 + 20);
    assert_eq!(ahead(Priority::Bulk, "a", 100_000), 5000 + 10 + 5000 + 5000);
}

/// A request of the property tests, in numbers that shrink well.
#[derive(Clone, Debug)]
struct Made {
    lengths: Vec<usize>,
    priority: usize,
    tenant: u8,
    waited_ms: u64,
    timeout_ms: Option<u64>,
    is_cancelled: bool,
    with_tokens: bool,
}

fn made() -> impl Strategy<Value = Made> {
    (
        prop::collection::vec(2usize..200, 1..8),
        0usize..3,
        0u8..4,
        0u64..20_000,
        prop::option::of(0u64..20_000),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(lengths, priority, tenant, waited_ms, timeout_ms, is_cancelled, with_tokens)| Made {
            lengths,
            priority,
            tenant,
            waited_ms,
            timeout_ms,
            is_cancelled,
            with_tokens,
        })
}

impl Made {
    fn entry(&self, start: Instant) -> Entry<'_> {
        Entry {
            caller: Caller {
                tenant: Tenant::named(&self.tenant.to_string()),
                priority: Priority::ALL[self.priority],
                deadline: self.timeout_ms.map(|timeout| start + Duration::from_millis(timeout)),
            },
            detail: if self.with_tokens { Detail::Tokens } else { Detail::Categories },
            since: start - Duration::from_millis(self.waited_ms),
            is_cancelled: self.is_cancelled,
            lengths: &self.lengths,
        }
    }
}

proptest! {
    #[test]
    fn the_budget_holds_and_work_always_leaves(made in prop::collection::vec(made(), 1..40), batch_tokens in 1usize..600) {
        let now = Instant::now() + PATIENCE * 10;
        let entries: Vec<_> = made.iter().map(|made| made.entry(now)).collect();
        let choices = form(&entries, Limits::tokens(batch_tokens), now);
        prop_assert_eq!(choices.len(), entries.len());
        let n_windows: usize = scored(&choices).iter().sum();
        let tokens: usize = entries.iter().zip(scored(&choices)).flat_map(|(e, n)| &e.lengths[..n]).sum();
        prop_assert!(n_windows <= 1 || tokens <= batch_tokens);
        let is_alive = |e: &Entry<'_>| !e.is_cancelled && e.caller.deadline.is_none_or(|deadline| deadline > now);
        for (entry, choice) in entries.iter().zip(&choices) {
            prop_assert_eq!(is_alive(entry), matches!(choice, Choice::Score(_)));
        }
        prop_assert_eq!(n_windows > 0, entries.iter().any(is_alive));
        let mut details = entries.iter().zip(scored(&choices)).filter(|(_, n)| *n > 0).map(|(e, _)| e.detail);
        let first = details.next();
        prop_assert!(details.all(|detail| Some(detail) == first));
    }

    /// Nobody of a step and tenant is passed over for one that is due later, unless it does not fit what is left.
    #[test]
    fn the_order_of_deadlines_is_kept(made in prop::collection::vec(made(), 1..40), batch_tokens in 1usize..600) {
        let now = Instant::now() + PATIENCE * 10;
        let entries: Vec<_> = made.iter().map(|made| made.entry(now)).collect();
        let choices = form(&entries, Limits::tokens(batch_tokens), now);
        let chosen: Vec<_> = entries.iter().zip(scored(&choices)).filter(|(_, n)| *n > 0).map(|(e, _)| *e).collect();
        let used: usize = entries.iter().zip(scored(&choices)).flat_map(|(e, n)| &e.lengths[..n]).sum();
        for (entry, choice) in entries.iter().zip(&choices) {
            let is_passed_over = *choice == Choice::Score(0) && chosen.iter().any(|other| {
                other.detail == entry.detail
                    && other.caller.tenant == entry.caller.tenant
                    && (other.step(now), other.due()) > (entry.step(now), entry.due())
            });
            prop_assert!(!is_passed_over || entry.lengths[0] + used > batch_tokens);
        }
    }

    /// Who has waited for [`PATIENCE`] is scored before anybody of its tenant that came later than that.
    #[test]
    fn nobody_starves(made in prop::collection::vec(made(), 0..40), batch_tokens in 200usize..600) {
        let now = Instant::now() + PATIENCE * 10;
        let (lengths, tenant) = ([200; 50], Tenant::named("1"));
        let old = Caller { tenant, priority: Priority::Bulk, deadline: None };
        let mut entries = vec![entry(&lengths, old, now - PATIENCE * 3)];
        entries.extend(made.iter().map(|made| made.entry(now)).filter(|e| e.detail == Detail::Categories));
        prop_assert!(scored(&form(&entries, Limits::tokens(batch_tokens), now))[0] > 0);
    }

    /// Batch after batch, everything is scored once and in order, or expires.
    #[test]
    fn nothing_is_lost_or_doubled(made in prop::collection::vec(made(), 1..30), batch_tokens in 1usize..600) {
        let start = Instant::now() + PATIENCE * 10;
        let mut n_scored = vec![0; made.len()];
        let mut is_gone = vec![false; made.len()];
        for batch in 0u32..1000 {
            let now = start + Duration::from_millis(100) * batch;
            let waiting: Vec<usize> =
                (0..made.len()).filter(|&i| !is_gone[i] && n_scored[i] < made[i].lengths.len()).collect();
            if waiting.is_empty() {
                break;
            }
            let entries: Vec<_> = waiting
                .iter()
                .map(|&i| Entry { lengths: &made[i].lengths[n_scored[i]..], ..made[i].entry(start) })
                .collect();
            for (&i, choice) in waiting.iter().zip(form(&entries, Limits::tokens(batch_tokens), now)) {
                match choice {
                    Choice::Score(n) => n_scored[i] += n,
                    Choice::Expire => {
                        prop_assert!(made[i].timeout_ms.is_some_and(|ms| start + Duration::from_millis(ms) <= now));
                        is_gone[i] = true;
                    }
                    Choice::Drop => {
                        prop_assert!(made[i].is_cancelled);
                        is_gone[i] = true;
                    }
                }
            }
        }
        for (i, made) in made.iter().enumerate() {
            prop_assert!(is_gone[i] || n_scored[i] == made.lengths.len());
        }
    }
}
