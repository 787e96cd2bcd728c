//! What a step costs when there are more of them: clones, steps in a row, clones of clones, and members of one collect.

use fanfold::sandbox::Plugin;
use fanfold::store::Store;

use crate::best::best;
use crate::plugins;
use crate::runs::Setup;

/// Pipelines of one shape, the sizes that they are run at, and how many steps each then has.
struct Shape {
    name: &'static str,
    /// The body of a function over `N`.
    body: &'static str,
    /// What it returns.
    wanted: fn(u64) -> u64,
    sizes: &'static [u32],
    /// The place in `sizes` that the others are measured against.
    reference: usize,
    /// What a microsecond is spread over.
    counted: fn(u32) -> u32,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "clones",
        body: "return sum_numbers(emit(N).map(multiply_by_two).collect())",
        wanted: |n| n * (n - 1),
        sizes: &[1_000, 10_000, 100_000, 1_000_000],
        reference: 1,
        counted: |n| n,
    },
    Shape {
        name: "steps in a chain",
        body: "x = num_range()\nfor _ in range(N):\n    x = echo(x)\nreturn x",
        wanted: |_| 3,
        sizes: &[1_000, 10_000],
        reference: 0,
        counted: |n| n,
    },
    Shape {
        name: "clones of N clones, N each",
        body: "inner = lambda i: sum_numbers(emit.after(i)(N).map(multiply_by_two).collect())\n\
               return sum_numbers(emit(N).map(inner).collect())",
        wanted: |n| n * n * (n - 1),
        sizes: &[100, 1_000],
        reference: 0,
        counted: |n| n * n,
    },
    Shape {
        name: "members of a collect, no clones",
        body: "return sum_numbers(emit(N).collect())",
        wanted: |n| n * (n - 1) / 2,
        sizes: &[10_000, 1_000_000],
        reference: 0,
        counted: |n| n,
    },
];

/// One table of the shapes, or of those with a word in their name.
pub(crate) fn growth(plugin: &Plugin, word: &str) {
    println!(
        "recorded, 2 threads: microseconds of wall time for each, and against a smaller one of its kind"
    );
    for shape in SHAPES.iter().filter(|shape| shape.name.contains(word)) {
        println!("{}", shape.name);
        let each = |size: u32| microseconds(plugin, shape, size);
        let mut reference = None;
        for (place, size) in shape.sizes.iter().enumerate() {
            let each = each(*size);
            if place == shape.reference {
                reference = Some(each);
            }
            let against = reference.map_or_else(String::new, |reference| format!("{:.2}x", each / reference));
            println!("{size:>9} {each:8.2} {against:>6}");
        }
    }
}

/// Wall time for each of what is counted.
fn microseconds(plugin: &Plugin, shape: &Shape, size: u32) -> f64 {
    let pipeline = plugins::pipeline(plugin, &shape.body.replace('N', &size.to_string()));
    let took = best(|| {
        let directory = tempfile::tempdir().unwrap();
        let result = Setup::new(plugin, 2).run(&pipeline, &Store::open(directory.path()).unwrap());
        assert_eq!(result, (shape.wanted)(size.into()).to_string());
    });
    took.as_secs_f64() * 1e6 / f64::from((shape.counted)(size))
}
