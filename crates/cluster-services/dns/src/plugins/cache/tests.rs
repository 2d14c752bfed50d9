use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use styr_base::SteppedClock;

use super::*;
use crate::chain::Protocol;
use crate::corefile;
use crate::wire::{INTERNET, Question};

/// Answers with one address and counts; names that begin with "no" do not exist.
#[derive(Default)]
struct Origin(AtomicU32);

#[async_trait]
impl Plugin for Origin {
    async fn answer(&self, request: &Request, _: Next<'_>) -> Outcome {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut answer = request.message.reply(rcode::NO_ERROR);
        let name = request.question.name.clone();
        if request.name.to_string().starts_with("no") {
            answer.code = rcode::NAME_ERROR;
            let names = (name.clone(), name.clone());
            answer.authorities = vec![Record::soa(name, 300, names, [1, 2, 3, 4, 20])];
        } else {
            answer.answers = vec![Record::a(name, 300, Ipv4Addr::LOCALHOST)];
        }
        Ok(answer)
    }
}

struct Bench {
    clock: Arc<SteppedClock>,
    origin: Arc<Origin>,
    plugins: Vec<Arc<dyn Plugin>>,
}

fn bench(text: &str) -> Bench {
    let clock = SteppedClock::shared();
    let origin = Arc::new(Origin::default());
    let blocks = corefile::parse(text).unwrap();
    let mut settings = Settings::new(clock.clone(), None);
    let mut plugins = settings.build(&blocks, 53).unwrap().remove(0).plugins;
    plugins.push(origin.clone());
    Bench {
        clock,
        origin,
        plugins,
    }
}

impl Bench {
    async fn ask(&self, name: &str) -> Message {
        let question = Question {
            name: name.parse().unwrap(),
            kind: kind::A,
            class: INTERNET,
        };
        let query = Message::query(1, question, None);
        let request = Request::new(query, Ipv4Addr::LOCALHOST.into(), Protocol::Udp).unwrap();
        Next(&self.plugins).answer(&request).await.unwrap()
    }

    fn asked(&self) -> u32 {
        self.origin.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn answers_are_kept_for_as_long_as_allowed() {
    let bench = bench(". {\n cache 30\n}");
    assert_eq!(bench.ask("a.example.").await.answers[0].ttl, 30);
    bench.clock.step(Duration::from_secs(29));
    let kept = bench.ask("A.example.").await;
    assert_eq!(kept.answers[0].ttl, 1);
    assert_eq!(kept.question.unwrap().name.to_string(), "A.example.");
    assert_eq!(bench.asked(), 1);
    bench.clock.step(Duration::from_secs(1));
    bench.ask("a.example.").await;
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn denials_are_kept_as_the_authority_says() {
    let bench = bench(". {\n cache 30\n}");
    bench.ask("no.example.").await;
    bench.clock.step(Duration::from_secs(19));
    assert_eq!(bench.ask("no.example.").await.code, rcode::NAME_ERROR);
    assert_eq!(bench.asked(), 1);
    bench.clock.step(Duration::from_secs(1));
    bench.ask("no.example.").await;
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn disabled_zones_pass_untouched() {
    let bench = bench(". {\n cache 30 {\n disable success cluster.local\n }\n}");
    for _ in 0..2 {
        assert_eq!(bench.ask("web.cluster.local.").await.answers[0].ttl, 300);
        bench.ask("no.cluster.local.").await;
    }
    assert_eq!(bench.asked(), 3);
}
