//! Criterion's statistics of each operation and of what it is measured against. One after the other, so that the machine's mood
//! is in them: for ratios there is `ratios`.

mod contests;

use std::time::{Duration, Instant};

use contests::{Course, Entry, Row};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

struct Statistics<'c>(&'c mut Criterion);

impl Course for Statistics<'_> {
    fn wants(&self, _: &Row) -> bool {
        true
    }

    fn contest(&mut self, row: Row, ours: &mut dyn Entry, anchor: &mut dyn Entry) {
        let entries: [(_, &mut dyn Entry); 2] = [("ours", &mut *ours), ("anchor", &mut *anchor)];
        let mut group = self.0.benchmark_group(format!("{}/{}/{}", row.operation, row.size, row.anchor));
        group.throughput(Throughput::Elements(row.operations as u64));
        for (name, entry) in entries {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter_custom(|runs| {
                    let mut total = Duration::ZERO;
                    for _ in 0..runs {
                        entry.prepare();
                        let begin = Instant::now();
                        entry.run();
                        total += begin.elapsed();
                    }
                    total
                });
            });
        }
        group.finish();
    }
}

fn each(criterion: &mut Criterion) {
    contests::all(&mut Statistics(criterion));
}

criterion_group! {
    name = benches;
    // There are many; each is short.
    config = Criterion::default().warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
    targets = each
}
criterion_main!(benches);
