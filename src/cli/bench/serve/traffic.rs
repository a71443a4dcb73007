//! What a load generator sends and when: requests of a workload at times that are drawn before the first is sent, so that a
//! slow server cannot slow down the load. Pure.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::random::Random;
use super::super::workload::mix_length;
use crate::caller::Priority;
use crate::grpc::v1::segment::Content;
use crate::grpc::v1::{AnalyzeRequest, Segment, Source};

/// The seed of times and lengths. Words have another one, so that no run finds another's texts in the server's cache.
const SEED: u64 = 0xA11_0CA7_ED7A_FF1C;
/// Words of a short prompt. Each is one token.
const SHORT_WORDS: RangeInclusive<usize> = 6..=24;
/// Bytes of a long document.
const LONG_BYTES: RangeInclusive<usize> = 20_000..=500_000;
/// Words of one turn of a conversation.
const TURN_WORDS: RangeInclusive<usize> = 20..=90;
/// Turns of a conversation; then another one begins.
pub(super) const TURNS: usize = 20;
/// Conversations that go on at the same time.
pub(super) const CONVERSATIONS: usize = 8;
/// The requests of a second come in this part of it.
const BURST: f64 = 0.1;
/// Words that are one token each in BERT's vocabulary and say nothing together.
const WORDS: [&str; 64] = [
    "river", "table", "morning", "window", "paper", "garden", "market", "letter", "stone", "music", "winter", "harbor",
    "bridge", "forest", "island", "engine", "dinner", "summer", "valley", "village", "teacher", "doctor", "story",
    "color", "silver", "orange", "corner", "kitchen", "station", "evening", "weather", "mountain", "number", "figure",
    "theory", "sample", "method", "report", "season", "animal", "castle", "church", "desert", "energy", "factory",
    "glass", "horse", "iron", "jacket", "knife", "ladder", "metal", "needle", "ocean", "pencil", "queen", "rabbit",
    "salad", "temple", "uncle", "violin", "wagon", "yellow", "zone",
];
const BYTES_PER_WORD: usize = 7;

/// What kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Workload {
    /// Prompts of 6 to 24 words
    Short,
    /// Requests as they come: log-normal lengths, median 60 tokens, between 8 and 512
    Mix,
    /// Documents of 20 to 500 KB, and as many short prompts
    Long,
    /// Conversations that are sent again as a whole with each turn, up to 20 turns
    Conversation,
    /// The mix, but the requests of a second all come in its first tenth
    Burst,
}

/// One request of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Planned {
    /// When it is due, from the start.
    pub(super) at: Duration,
    pub(super) priority: Priority,
    pub(super) message: AnalyzeRequest,
}

/// Requests without end. Holds no text of those that were given out.
pub(super) struct Traffic {
    workload: Workload,
    /// Requests a second, or none for all at once.
    rate: Option<f64>,
    random: Random,
    words_seed: u64,
    seconds: f64,
    n_planned: usize,
}

impl Traffic {
    pub(super) fn new(workload: Workload, rate: Option<f64>, words_seed: u64) -> Self {
        Self { workload, rate, random: Random::new(SEED), words_seed, seconds: 0.0, n_planned: 0 }
    }

    fn at(&mut self) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        self.seconds += self.random.pause(rate);
        let seconds = match self.workload {
            Workload::Burst => self.seconds.floor() + self.seconds.fract() * BURST,
            _ => self.seconds,
        };
        Duration::from_secs_f64(seconds)
    }

    /// The request's priority, and its segments by source and words.
    fn shape(&mut self) -> (Priority, Vec<(Source, usize)>) {
        let any = [Priority::Interactive, Priority::Default, Priority::Bulk];
        let priority = any.get(self.random.below(any.len())).copied().unwrap_or_default();
        match self.workload {
            Workload::Mix | Workload::Burst => (priority, vec![(Source::UserPrompt, mix_length(&mut self.random))]),
            Workload::Long if self.n_planned.is_multiple_of(2) => {
                let (shortest, longest) = (*LONG_BYTES.start() as f64, *LONG_BYTES.end() as f64);
                let bytes = shortest * (longest / shortest).powf(self.random.uniform());
                (Priority::Bulk, vec![(Source::Document, bytes as usize / BYTES_PER_WORD)])
            }
            Workload::Short | Workload::Long => {
                (Priority::Interactive, vec![(Source::UserPrompt, between(&mut self.random, SHORT_WORDS))])
            }
            Workload::Conversation => (Priority::Interactive, self.turns()),
        }
    }

    /// All turns so far of the conversation whose turn it is: its lengths are drawn anew each time from its own seed.
    fn turns(&self) -> Vec<(Source, usize)> {
        let (conversation, n_turns) = self.conversation();
        let mut random = Random::new(SEED ^ conversation);
        (0..n_turns)
            .map(|turn| {
                let source = if turn % 2 == 0 { Source::UserPrompt } else { Source::ModelOutput };
                (source, between(&mut random, TURN_WORDS))
            })
            .collect()
    }

    /// The conversation that the next request belongs to, and the turns it has.
    fn conversation(&self) -> (u64, usize) {
        let (round, place) = (self.n_planned / CONVERSATIONS, self.n_planned % CONVERSATIONS);
        ((round / TURNS * CONVERSATIONS + place) as u64, round % TURNS + 1)
    }
}

impl Iterator for Traffic {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        let (at, (priority, shape)) = (self.at(), self.shape());
        let of_text = match self.workload {
            Workload::Conversation => self.conversation().0,
            _ => self.n_planned as u64,
        };
        // A conversation's texts are the same ones at each turn.
        let mut words = Random::new(self.words_seed.wrapping_add(of_text << 20));
        let segments = shape.into_iter().map(|(source, n_words)| segment(source, text(&mut words, n_words))).collect();
        self.n_planned += 1;
        Some(Planned { at, priority, message: AnalyzeRequest { segments, ..AnalyzeRequest::default() } })
    }
}

/// A long document, as bulk.
pub(super) fn document(words_seed: u64, n_bytes: usize) -> Planned {
    let text = text(&mut Random::new(words_seed), n_bytes / BYTES_PER_WORD);
    let message = AnalyzeRequest { segments: vec![segment(Source::Document, text)], ..AnalyzeRequest::default() };
    Planned { at: Duration::ZERO, priority: Priority::Bulk, message }
}

fn between(random: &mut Random, range: RangeInclusive<usize>) -> usize {
    range.start() + random.below(range.end() - range.start() + 1)
}

fn text(random: &mut Random, n_words: usize) -> String {
    let words = (0..n_words).filter_map(|_| WORDS.get(random.below(WORDS.len())));
    words.flat_map(|word| [*word, " "]).collect()
}

fn segment(source: Source, text: String) -> Segment {
    Segment { source: source.into(), content: Some(Content::Text(text)), ..Segment::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(workload: Workload, rate: Option<f64>, n: usize) -> Vec<Planned> {
        Traffic::new(workload, rate, 7).take(n).collect()
    }

    fn bytes(planned: &Planned) -> usize {
        planned.message.segments.iter().map(|segment| prost_text(segment).len()).sum()
    }

    fn prost_text(segment: &Segment) -> &str {
        match &segment.content {
            Some(Content::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arrivals_have_their_rate_and_are_always_the_same() {
        for workload in [Workload::Short, Workload::Mix, Workload::Burst] {
            let planned = plan(workload, Some(50.0), 5_000);
            assert!(planned.windows(2).all(|pair| pair[0].at <= pair[1].at));
            let seconds = planned.last().unwrap().at.as_secs_f64();
            assert!((95.0..105.0).contains(&seconds), "{workload:?}: {seconds}");
            assert_eq!(planned[..9], plan(workload, Some(50.0), 9));
        }
        assert!(plan(Workload::Burst, Some(50.0), 500).iter().all(|p| p.at.as_secs_f64().fract() <= BURST));
        assert!(plan(Workload::Mix, None, 9).iter().all(|planned| planned.at.is_zero()));
    }

    #[test]
    fn texts_differ_and_a_conversation_grows() {
        let planned = plan(Workload::Mix, None, 50);
        assert!(planned.windows(2).all(|pair| pair[0].message != pair[1].message));
        let turns = plan(Workload::Conversation, None, CONVERSATIONS * (TURNS + 1));
        let (first, second) = (&turns[0].message.segments, &turns[CONVERSATIONS].message.segments);
        assert!(first.len() == 1 && second.len() == 2 && first[0] == second[0]);
        assert_eq!(turns[CONVERSATIONS * (TURNS - 1)].message.segments.len(), TURNS);
        assert_ne!(turns[CONVERSATIONS * TURNS].message.segments[0], first[0]);
    }

    #[test]
    fn documents_are_long() {
        let planned = plan(Workload::Long, None, 100);
        let longest = planned.iter().map(bytes).max().unwrap();
        assert!((300_000..=520_000).contains(&longest), "{longest}");
        assert!(planned.iter().all(|planned| (planned.priority == Priority::Bulk) == (bytes(planned) > 10_000)));
    }
}
