//! What license managers report.
#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::agent::license_managers::read;

fuzz_target!(|input: &[u8]| {
    let answer = read(&String::from_utf8_lossy(input));
    for (feature, pool) in answer.pools() {
        assert_eq!(answer.pool(feature), Some(pool));
        let _complete = pool.is_complete();
        for checkout in &pool.checkouts {
            assert!(
                checkout.holder.split_whitespace().nth(1).is_some(),
                "{checkout:?}"
            );
            let _since = checkout.since.seconds(1_767_225_600, &TimeZone::UTC);
        }
    }
});
