//! What the batch former promises, on requests made up by proptest.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A budget of so many tokens for whatever comes.
fn budget(tokens: usize) -> Budget {
    Budget { tokens, filled_tokens: tokens, starved_tokens: 0, above: None }
}

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
    check_in(entries, budget(batch_tokens), now, expected);
}

fn check_in(entries: &[Entry<'_>], budget: Budget, now: Instant, expected: &[usize]) {
    assert_eq!(scored(&form(entries, &budget, now)), expected);
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
    let choices = form(&[late, cancelled, entry(&[100], Caller::default(), now)], &budget(100), now);
    assert_eq!(choices, [Choice::Expire, Choice::Drop, Choice::Score(1)]);
}

#[test]
fn the_urgent_goes_first_and_those_who_starve_have_their_share() {
    let now = Instant::now();
    let bulk = |waited: Duration| entry(&[100], caller(Priority::Bulk, "a", None), now - waited);
    let interactive = entry(&[100], caller(Priority::Interactive, "a", None), now);
    let nearly = PATIENCE - Duration::from_nanos(1);
    for (waited, starved_tokens, expected) in
        [(SECOND, 100, [0, 1]), (nearly, 100, [0, 1]), (PATIENCE, 99, [0, 1]), (PATIENCE, 100, [1, 0])]
    {
        check_in(&[bulk(waited), interactive], Budget { starved_tokens, ..budget(100) }, now, &expected);
    }
}

#[test]
fn those_who_starve_take_no_more_than_their_share() {
    let now = Instant::now();
    let starved = |waited| entry(&[100, 100], caller(Priority::Bulk, "a", None), now - PATIENCE - waited);
    let entries = [starved(SECOND), starved(SECOND * 3), starved(SECOND * 2)];
    check_in(&entries, Budget { starved_tokens: 250, ..budget(1000) }, now, &[0, 1, 1]);
    check_in(&entries, Budget { starved_tokens: 250, ..budget(60) }, now, &[0, 1, 0]);
}

#[test]
fn the_less_urgent_fill_a_batch_only_while_it_is_short() {
    let now = Instant::now();
    let of = |priority| entry(&[30, 30], caller(priority, "a", None), now);
    let entries = [of(Priority::Bulk), of(Priority::Default), of(Priority::Interactive)];
    for (filled_tokens, expected) in [(0, [0, 0, 2]), (89, [0, 0, 2]), (90, [0, 1, 2]), (150, [1, 2, 2])] {
        check_in(&entries, Budget { filled_tokens, ..budget(1000) }, now, &expected);
    }
}

#[test]
fn only_the_more_urgent_goes_before_what_is_on_the_device() {
    let now = Instant::now();
    let of = |priority| entry(&[30], caller(priority, "a", None), now - PATIENCE);
    let entries = [of(Priority::Bulk), of(Priority::Default), of(Priority::Interactive)];
    for (above, expected) in
        [(Priority::Bulk, [0, 1, 1]), (Priority::Default, [0, 0, 1]), (Priority::Interactive, [0, 0, 0])]
    {
        check_in(&entries, Budget { above: Some(above), ..budget(1000) }, now, &expected);
    }
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

fn budgets() -> impl Strategy<Value = Budget> {
    (1usize..600, 0usize..600, 0usize..600).prop_map(|(tokens, filled_tokens, starved_tokens)| Budget {
        tokens,
        filled_tokens,
        starved_tokens,
        above: None,
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
    fn the_budget_holds_and_work_always_leaves(made in prop::collection::vec(made(), 1..40), budget in budgets()) {
        let now = Instant::now() + PATIENCE * 10;
        let entries: Vec<_> = made.iter().map(|made| made.entry(now)).collect();
        let choices = form(&entries, &budget, now);
        prop_assert_eq!(choices.len(), entries.len());
        let n_windows: usize = scored(&choices).iter().sum();
        let tokens: usize = entries.iter().zip(scored(&choices)).flat_map(|(e, n)| &e.lengths[..n]).sum();
        prop_assert!(n_windows <= 1 || tokens <= budget.tokens);
        let is_alive = |e: &Entry<'_>| !e.is_cancelled && e.caller.deadline.is_none_or(|deadline| deadline > now);
        for (entry, choice) in entries.iter().zip(&choices) {
            prop_assert_eq!(is_alive(entry), matches!(choice, Choice::Score(_)));
        }
        prop_assert_eq!(n_windows > 0, entries.iter().any(is_alive));
        let mut details = entries.iter().zip(scored(&choices)).filter(|(_, n)| *n > 0).map(|(e, _)| e.detail);
        let first = details.next();
        prop_assert!(details.all(|detail| Some(detail) == first));
        let urgencies: Vec<_> = entries.iter().zip(scored(&choices)).filter(|(_, n)| *n > 0).map(|(e, _)| e.caller.priority).collect();
        prop_assert!(urgencies.iter().all(|urgency| urgencies.first() == Some(urgency)) || tokens <= budget.filled_tokens);
    }

    /// Unless it is the turn of those who starve, nobody is passed over for one that is less urgent, unless it does not fit.
    #[test]
    fn the_urgent_is_never_passed_over(made in prop::collection::vec(made(), 1..40), batch_tokens in 1usize..600) {
        let now = Instant::now() + PATIENCE * 10;
        let entries: Vec<_> = made.iter().map(|made| made.entry(now)).collect();
        let choices = form(&entries, &budget(batch_tokens), now);
        let chosen: Vec<_> = entries.iter().zip(scored(&choices)).filter(|(_, n)| *n > 0).map(|(e, _)| *e).collect();
        let used: usize = entries.iter().zip(scored(&choices)).flat_map(|(e, n)| &e.lengths[..n]).sum();
        for (entry, choice) in entries.iter().zip(&choices) {
            let is_passed_over = *choice == Choice::Score(0)
                && chosen.iter().any(|other| other.detail == entry.detail && other.caller.priority > entry.caller.priority);
            prop_assert!(!is_passed_over || entry.lengths[0] + used > batch_tokens);
        }
    }

    /// Nobody of an urgency and tenant is passed over for one that is due later, unless it does not fit what is left.
    #[test]
    fn the_order_of_deadlines_is_kept(made in prop::collection::vec(made(), 1..40), batch_tokens in 1usize..600) {
        let now = Instant::now() + PATIENCE * 10;
        let entries: Vec<_> = made.iter().map(|made| made.entry(now)).collect();
        let choices = form(&entries, &budget(batch_tokens), now);
        let chosen: Vec<_> = entries.iter().zip(scored(&choices)).filter(|(_, n)| *n > 0).map(|(e, _)| *e).collect();
        let used: usize = entries.iter().zip(scored(&choices)).flat_map(|(e, n)| &e.lengths[..n]).sum();
        for (entry, choice) in entries.iter().zip(&choices) {
            let is_passed_over = *choice == Choice::Score(0) && chosen.iter().any(|other| {
                other.detail == entry.detail
                    && other.caller.tenant == entry.caller.tenant
                    && other.caller.priority == entry.caller.priority
                    && other.due() > entry.due()
            });
            prop_assert!(!is_passed_over || entry.lengths[0] + used > batch_tokens);
        }
    }

    /// However much that is urgent comes, who has waited longest for more than [`PATIENCE`] is scored when a share is theirs.
    #[test]
    fn nobody_starves(made in prop::collection::vec(made(), 0..40), budget in budgets()) {
        let now = Instant::now() + PATIENCE * 10;
        let (lengths, tenant) = ([200; 50], Tenant::named("1"));
        let old = Caller { tenant, priority: Priority::Bulk, deadline: None };
        let mut entries = vec![entry(&lengths, old, now - PATIENCE * 3)];
        entries.extend(made.iter().map(|made| made.entry(now)));
        let is_their_turn = budget.starved_tokens >= lengths[0];
        prop_assert!(scored(&form(&entries, &budget, now))[0] > 0 || !is_their_turn);
    }

    /// Batch after batch, everything is scored once and in order, or expires.
    #[test]
    fn nothing_is_lost_or_doubled(made in prop::collection::vec(made(), 1..30), budget in budgets()) {
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
            for (&i, choice) in waiting.iter().zip(form(&entries, &budget, now)) {
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
