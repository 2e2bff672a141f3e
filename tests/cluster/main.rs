//! Tests on a real cluster: slurmctld, slurmd, slurmdbd, MariaDB and munge, started for this run alone.
//!
//! They need root and an installed Slurm, so they are ignored unless asked for; `scripts/test` asks.
//! One cluster serves them all, one test after the other.

mod arguments;
mod books;
mod cluster;
mod controllers;
mod elastic;
mod environment;
mod escapes;
mod events;
mod faults;
mod forgery;
mod forms;
mod harm;
mod hostile;
mod leaves_nothing;
mod mounts;
mod nodes;
mod policy;
mod private;
mod profile;
mod remembered;
mod restricted;
mod service;
mod shadow;
mod sites;
mod spine;
mod strangers;
mod trust;

use cluster::Cluster;
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use std::sync::{Arc, Mutex};

type Test = fn(&mut Cluster) -> Result<(), Failed>;

/// Those with shadows come last: a shadow is nobody's job, and the books of the others would not agree with sacct's.
const TESTS: &[(&str, Test)] = &[
    (
        "a_known_kind_of_job_gets_what_it_needs",
        spine::a_known_kind_of_job_gets_what_it_needs,
    ),
    (
        "memory_per_cpu_keeps_its_form",
        spine::memory_per_cpu_keeps_its_form,
    ),
    (
        "the_first_tasks_of_an_array_size_the_rest",
        spine::the_first_tasks_of_an_array_size_the_rest,
    ),
    (
        "a_change_by_hand_is_respected",
        spine::a_change_by_hand_is_respected,
    ),
    (
        "a_job_that_dies_of_the_rewrite_runs_again",
        spine::a_job_that_dies_of_the_rewrite_runs_again,
    ),
    (
        "a_dump_as_json_says_what_the_other_one_says",
        spine::a_dump_as_json_says_what_the_other_one_says,
    ),
    (
        "what_steps_named_in_earlier_runs_is_a_floor",
        harm::what_steps_named_in_earlier_runs_is_a_floor,
    ),
    (
        "a_job_that_was_harmed_without_slurm_saying_so_runs_again",
        harm::a_job_that_was_harmed_without_slurm_saying_so_runs_again,
    ),
    (
        "what_its_memory_kills_is_put_back_before_anybody_sees_an_end",
        harm::what_its_memory_kills_is_put_back_before_anybody_sees_an_end,
    ),
    (
        "a_job_that_outgrows_its_memory_goes_on",
        elastic::a_job_that_outgrows_its_memory_goes_on,
    ),
    (
        "jobs_that_can_grow_start_with_less",
        elastic::jobs_that_can_grow_start_with_less,
    ),
    (
        "no_more_is_lent_than_a_node_has",
        elastic::no_more_is_lent_than_a_node_has,
    ),
    (
        "a_job_that_only_reads_does_not_grow",
        elastic::a_job_that_only_reads_does_not_grow,
    ),
    (
        "the_last_task_of_an_array_runs_again_alone",
        harm::the_last_task_of_an_array_runs_again_alone,
    ),
    (
        "a_burst_is_rewritten_as_far_as_its_kind_has_earned_trust",
        trust::a_burst_is_rewritten_as_far_as_its_kind_has_earned_trust,
    ),
    (
        "a_harm_takes_trust_back_and_good_runs_earn_it_again",
        trust::a_harm_takes_trust_back_and_good_runs_earn_it_again,
    ),
    (
        "a_site_whose_rewritten_jobs_fail_is_trusted_no_more",
        trust::a_site_whose_rewritten_jobs_fail_is_trusted_no_more,
    ),
    (
        "tasks_that_wait_earn_trust_for_the_others",
        trust::tasks_that_wait_earn_trust_for_the_others,
    ),
    (
        "runs_of_a_script_teach_a_stranger_no_less_than_any_user_needs",
        strangers::runs_of_a_script_teach_a_stranger_no_less_than_any_user_needs,
    ),
    (
        "report_explain_and_doctor_tell_what_happened",
        spine::report_explain_and_doctor_tell_what_happened,
    ),
    (
        "users_read_their_jobs_from_sacct_and_cannot_lock_the_agent_out",
        spine::users_read_their_jobs_from_sacct_and_cannot_lock_the_agent_out,
    ),
    (
        "every_form_is_read_as_sbatch_reads_it",
        forms::every_form_is_read_as_sbatch_reads_it,
    ),
    (
        "what_must_be_left_alone_is",
        policy::what_must_be_left_alone_is,
    ),
    ("modes_and_rules_hold", policy::modes_and_rules_hold),
    (
        "the_kill_switch_stops_everything",
        policy::the_kill_switch_stops_everything,
    ),
    (
        "a_request_that_is_too_small_is_told_and_raised_where_the_site_wants_that",
        policy::a_request_that_is_too_small_is_told_and_raised_where_the_site_wants_that,
    ),
    (
        "a_broken_configuration_lets_jobs_pass_and_says_so",
        policy::a_broken_configuration_lets_jobs_pass_and_says_so,
    ),
    (
        "a_taken_admin_comment_is_left_alone",
        policy::a_taken_admin_comment_is_left_alone,
    ),
    (
        "hostile_scripts_are_accepted_as_written",
        hostile::hostile_scripts_are_accepted_as_written,
    ),
    (
        "hostile_names_come_home_from_sacct",
        hostile::hostile_names_come_home_from_sacct,
    ),
    (
        "what_is_no_utf8_comes_home_and_stops_nobody",
        hostile::what_is_no_utf8_comes_home_and_stops_nobody,
    ),
    (
        "nobody_is_shown_more_than_sacct_shows",
        private::nobody_is_shown_more_than_sacct_shows,
    ),
    (
        "a_step_with_a_mark_takes_nothing_from_its_job",
        forgery::a_step_with_a_mark_takes_nothing_from_its_job,
    ),
    (
        "two_hundred_submissions_at_once",
        hostile::two_hundred_submissions_at_once,
    ),
    (
        "a_damaged_snapshot_changes_nothing",
        faults::a_damaged_snapshot_changes_nothing,
    ),
    (
        "a_snapshot_replaced_a_thousand_times_in_a_storm",
        faults::a_snapshot_replaced_a_thousand_times_in_a_storm,
    ),
    (
        "a_missing_core_lets_jobs_pass",
        faults::a_missing_core_lets_jobs_pass,
    ),
    (
        "a_core_of_another_abi_lets_jobs_pass",
        faults::a_core_of_another_abi_lets_jobs_pass,
    ),
    (
        "a_core_put_in_place_under_load_counts_from_the_next_start",
        faults::a_core_put_in_place_under_load_counts_from_the_next_start,
    ),
    (
        "a_panic_in_the_core_lets_the_job_pass",
        faults::a_panic_in_the_core_lets_the_job_pass,
    ),
    (
        "a_killed_agent_loses_and_doubles_nothing",
        faults::a_killed_agent_loses_and_doubles_nothing,
    ),
    (
        "fifty_jobs_outlive_every_kill",
        faults::fifty_jobs_outlive_every_kill,
    ),
    (
        "an_absent_slurmdbd_loses_nothing",
        faults::an_absent_slurmdbd_loses_nothing,
    ),
    (
        "a_restart_of_slurmctld_keeps_what_was_set",
        faults::a_restart_of_slurmctld_keeps_what_was_set,
    ),
    (
        "a_burst_that_sacct_misses_is_in_the_profile",
        profile::a_burst_that_sacct_misses_is_in_the_profile,
    ),
    (
        "what_a_job_does_is_counted_right",
        profile::what_a_job_does_is_counted_right,
    ),
    (
        "bursts_of_cpu_are_counted_right",
        profile::bursts_of_cpu_are_counted_right,
    ),
    (
        "what_a_job_sends_is_counted_right",
        profile::what_a_job_sends_is_counted_right,
    ),
    (
        "a_job_outlives_its_sampler",
        profile::a_job_outlives_its_sampler,
    ),
    (
        "samplers_of_other_releases_harm_no_job",
        nodes::samplers_of_other_releases_harm_no_job,
    ),
    (
        "a_foreign_comment_outlives_the_sampler",
        profile::a_foreign_comment_outlives_the_sampler,
    ),
    (
        "a_known_kind_may_be_backfilled_sooner",
        profile::a_known_kind_may_be_backfilled_sooner,
    ),
    (
        "licenses_are_set_to_what_was_in_use",
        profile::licenses_are_set_to_what_was_in_use,
    ),
    (
        "every_node_of_a_job_tells_what_it_saw",
        profile::every_node_of_a_job_tells_what_it_saw,
    ),
    (
        "a_cluster_without_cgroups_is_profiled_too",
        profile::a_cluster_without_cgroups_is_profiled_too,
    ),
    (
        "bandwidth_becomes_a_license",
        profile::bandwidth_becomes_a_license,
    ),
    (
        "the_size_of_the_input_is_told",
        profile::the_size_of_the_input_is_told,
    ),
    (
        "a_new_kind_of_job_is_measured_and_starts_sized",
        shadow::a_new_kind_of_job_is_measured_and_starts_sized,
    ),
    (
        "a_shadow_has_exactly_the_arguments_of_its_job",
        arguments::a_shadow_has_exactly_the_arguments_of_its_job,
    ),
    (
        "a_shadow_sees_what_its_job_would_see",
        environment::a_shadow_sees_what_its_job_would_see,
    ),
    (
        "a_strangers_own_shadow_counts_before_what_others_ran",
        strangers::a_strangers_own_shadow_counts_before_what_others_ran,
    ),
    (
        "one_shadow_serves_all_jobs_of_its_kind",
        shadow::one_shadow_serves_all_jobs_of_its_kind,
    ),
    (
        "an_agent_that_ends_between_a_shadow_and_its_note_knows_it_again",
        remembered::an_agent_that_ends_between_a_shadow_and_its_note_knows_it_again,
    ),
    (
        "a_shadow_that_cannot_be_remembered_is_not_submitted",
        remembered::a_shadow_that_cannot_be_remembered_is_not_submitted,
    ),
    // Before the one that sees it: doctor reads what the last agent has said.
    (
        "an_agent_that_cannot_see_slurmctlds_folder_asks",
        events::an_agent_that_cannot_see_slurmctlds_folder_asks,
    ),
    (
        "an_array_is_sized_between_passes_but_for_the_task_that_was_changed",
        events::an_array_is_sized_between_passes_but_for_the_task_that_was_changed,
    ),
    (
        "a_listening_agent_sees_new_jobs_and_rescues_between_passes",
        events::a_listening_agent_sees_new_jobs_and_rescues_between_passes,
    ),
    (
        "an_agent_that_its_unit_restricts_does_its_work",
        restricted::an_agent_that_its_unit_restricts_does_its_work,
    ),
    (
        "an_agent_that_must_be_root_has_its_shadows_under_the_drop_in",
        restricted::an_agent_that_must_be_root_has_its_shadows_under_the_drop_in,
    ),
    (
        "no_system_call_of_the_agent_is_forbidden_by_its_unit",
        restricted::no_system_call_of_the_agent_is_forbidden_by_its_unit,
    ),
    (
        "jobs_that_wait_outlive_a_takeover_and_the_agent_beside_it",
        controllers::jobs_that_wait_outlive_a_takeover_and_the_agent_beside_it,
    ),
    (
        "without_an_agent_jobs_start_as_asked",
        shadow::without_an_agent_jobs_start_as_asked,
    ),
    (
        "a_job_that_depends_on_another_is_shadowed_when_its_input_is_there",
        shadow::a_job_that_depends_on_another_is_shadowed_when_its_input_is_there,
    ),
    (
        "what_cannot_have_a_shadow_is_not_delayed",
        shadow::what_cannot_have_a_shadow_is_not_delayed,
    ),
    (
        "launchers_and_license_servers_are_stood_in_for",
        shadow::launchers_and_license_servers_are_stood_in_for,
    ),
    ("no_user_makes_a_shadow", forgery::no_user_makes_a_shadow),
    (
        "a_mark_is_good_for_its_own_job_alone",
        forgery::a_mark_is_good_for_its_own_job_alone,
    ),
    (
        "jobs_of_root_have_no_shadow",
        forgery::jobs_of_root_have_no_shadow,
    ),
    (
        "users_of_the_system_have_no_shadow",
        forgery::users_of_the_system_have_no_shadow,
    ),
    (
        "no_planted_name_is_written_through",
        forgery::no_planted_name_is_written_through,
    ),
    (
        "a_shadow_and_its_jobs_steps_share_one_limit",
        forgery::a_shadow_and_its_jobs_steps_share_one_limit,
    ),
    (
        "nobody_outside_reaches_into_a_shadow",
        forgery::nobody_outside_reaches_into_a_shadow,
    ),
    (
        "no_user_writes_the_comment_that_makes_a_shadow",
        forgery::no_user_writes_the_comment_that_makes_a_shadow,
    ),
    (
        "a_shadow_runs_once_and_in_its_time",
        forgery::a_shadow_runs_once_and_in_its_time,
    ),
    (
        "why_a_node_refuses_a_shadow_stands_in_both_records",
        nodes::why_a_node_refuses_a_shadow_stands_in_both_records,
    ),
    (
        "a_shadow_of_which_its_node_says_nothing_is_given_up",
        nodes::a_shadow_of_which_its_node_says_nothing_is_given_up,
    ),
    (
        "odd_mounts_do_not_refuse_a_shadow",
        mounts::odd_mounts_do_not_refuse_a_shadow,
    ),
    (
        "slurmd_in_a_container_is_a_node_as_others_are",
        mounts::slurmd_in_a_container_is_a_node_as_others_are,
    ),
    (
        "mounts_that_vanish_refuse_no_shadow",
        mounts::mounts_that_vanish_refuse_no_shadow,
    ),
    (
        "a_shadow_works_in_what_a_file_server_shows_its_user_alone",
        mounts::a_shadow_works_in_what_a_file_server_shows_its_user_alone,
    ),
    (
        "no_overlay_is_tried_over_a_file_system_that_is_not_known_to_bear_one",
        mounts::no_overlay_is_tried_over_a_file_system_that_is_not_known_to_bear_one,
    ),
    (
        "nothing_escapes_a_shadow",
        escapes::nothing_escapes_a_shadow,
    ),
    (
        "a_shadow_cannot_exhaust_its_node",
        shadow::a_shadow_cannot_exhaust_its_node,
    ),
    (
        "a_plugin_before_ours_is_heard_and_what_it_changes_counts",
        sites::a_plugin_before_ours_is_heard_and_what_it_changes_counts,
    ),
    (
        "what_a_plugin_undoes_or_refuses_is_told",
        sites::what_a_plugin_undoes_or_refuses_is_told,
    ),
    (
        "a_job_that_gets_whole_nodes_is_left_alone",
        sites::a_job_that_gets_whole_nodes_is_left_alone,
    ),
    (
        "what_the_agent_changes_stays_within_its_users_limits",
        sites::what_the_agent_changes_stays_within_its_users_limits,
    ),
    (
        "a_job_whose_shadow_a_limit_refuses_starts_without_it",
        sites::a_job_whose_shadow_a_limit_refuses_starts_without_it,
    ),
    (
        "whatever_ends_a_shadow_nothing_is_left",
        shadow::whatever_ends_a_shadow_nothing_is_left,
    ),
    // The last of all: it leaves a cluster without shadowfit.
    (
        "admins_install_start_upgrade_and_remove_the_agent",
        service::admins_install_start_upgrade_and_remove_the_agent,
    ),
];

/// What is run on other releases than the installed one, too.
const ON_EVERY_RELEASE: [&str; 16] = [
    "every_form_is_read_as_sbatch_reads_it",
    "what_a_job_does_is_counted_right",
    "a_dump_as_json_says_what_the_other_one_says",
    "a_known_kind_of_job_gets_what_it_needs",
    "a_job_that_dies_of_the_rewrite_runs_again",
    "what_its_memory_kills_is_put_back_before_anybody_sees_an_end",
    "the_last_task_of_an_array_runs_again_alone",
    "a_job_that_outgrows_its_memory_goes_on",
    "what_the_agent_changes_stays_within_its_users_limits",
    "a_listening_agent_sees_new_jobs_and_rescues_between_passes",
    "report_explain_and_doctor_tell_what_happened",
    "a_burst_that_sacct_misses_is_in_the_profile",
    "a_new_kind_of_job_is_measured_and_starts_sized",
    "a_shadow_has_exactly_the_arguments_of_its_job",
    "a_shadow_sees_what_its_job_would_see",
    "why_a_node_refuses_a_shadow_stands_in_both_records",
];

/// Under cgroup v2, these as well: what a sandbox is made of is another there.
const ON_CGROUP_V2: [&str; 6] = [
    "no_user_makes_a_shadow",
    "a_shadow_and_its_jobs_steps_share_one_limit",
    "nobody_outside_reaches_into_a_shadow",
    "nothing_escapes_a_shadow",
    "a_shadow_cannot_exhaust_its_node",
    "whatever_ends_a_shadow_nothing_is_left",
];

/// These want modules of the kernel or a systemd that is theirs, and are run in a machine of its own alone.
const IN_A_MACHINE: [&str; 3] = [
    "a_shadow_works_in_what_a_file_server_shows_its_user_alone",
    "no_overlay_is_tried_over_a_file_system_that_is_not_known_to_bear_one",
    "admins_install_start_upgrade_and_remove_the_agent",
];

/// scripts/machine says so.
fn is_a_machine() -> bool {
    std::env::var_os("SHADOWFIT_TEST_MACHINE").is_some()
}

fn has_cgroup_v2() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// `all`: on the installed release, or by name.
fn is_wanted(name: &str, all: bool) -> bool {
    match IN_A_MACHINE.contains(&name) {
        true => is_a_machine(),
        false => {
            all || ON_EVERY_RELEASE.contains(&name)
                || (has_cgroup_v2() && ON_CGROUP_V2.contains(&name))
        }
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let wanted = arguments.include_ignored || arguments.ignored;
    let listing = arguments.list;
    let shared: Arc<Mutex<Option<Cluster>>> = Arc::default();
    if wanted && !listing {
        *shared.lock().expect("nobody else holds it yet") = Some(Cluster::up(cluster::own_name()));
    }
    // Any of them can be asked for by name.
    let all = arguments.filter.is_some() || cluster::other_release().is_none();
    let mut trials: Vec<Trial> = TESTS
        .iter()
        .filter(|(name, _)| is_wanted(name, all))
        .map(|&(name, test)| {
            let shared = shared.clone();
            let run = move || run_on(&shared, test);
            Trial::test(name, run).with_ignored_flag(true)
        })
        .collect();
    if all {
        trials.push(
            Trial::test(
                "two_clusters_side_by_side_leave_nothing",
                leaves_nothing::test,
            )
            .with_ignored_flag(true),
        );
    }
    // One after the other: they share slurmctld.
    let one_by_one = Arguments {
        test_threads: Some(1),
        ..arguments
    };
    let conclusion = libtest_mimic::run(&one_by_one, trials);
    drop(shared.lock().map(|mut cluster| cluster.take()));
    conclusion.exit();
}

fn run_on(shared: &Mutex<Option<Cluster>>, test: Test) -> Result<(), Failed> {
    // A test that panicked leaves the cluster to the next one.
    let mut guard = shared
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let cluster = guard.as_mut().ok_or("the cluster is not up")?;
    cluster.reset()?;
    test(cluster)
}
