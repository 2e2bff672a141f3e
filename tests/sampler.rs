//! The sampler as a SPANK plugin of another release starts it.

use std::process::Command;

/// Its standard error may be the job's output.
#[test]
fn it_says_nothing_where_it_is_called_in_a_way_that_it_does_not_know() {
    let of_earlier = ["job", "--job", "7", "--pid", "7", "--report-fd", "9"];
    let of_later = ["job", "--job", "7", "--later", "7"];
    for arguments in [&of_earlier[..], &of_later] {
        let mut sampler = Command::new(env!("CARGO_BIN_EXE_shadowfit-sampler"));
        let output = sampler.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
}
